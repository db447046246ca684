import type { Database, TransactionManager } from '@stepping/core'
import type { DatabaseHarness, OpenDatabase } from '../database/harness.ts'
import type { Offered } from '../lacking.ts'

/**
 * How to open a transaction manager, and the database whose transactions its jobs are tied to.
 *
 * @example
 * describeTransactionManager({
 *   name: 'self-TM, stored in memory',
 *   data: drizzleOverNodePostgres,
 *   async open() {
 *     const store = memoryJobStore({ queryPreparedAfterMs: 300 })
 *     return {
 *       manager: () => selfTm({ store, pollMs: 50, leaseMs: 2_000, drainMs: 200 }),
 *       enlists: { lacking: 'no transaction reaches into memory' },
 *       close: async () => {},
 *     }
 *   },
 * })
 */
export interface TransactionManagerHarness<Tx, D extends Database<Tx> = Database<Tx>> {
  /** Its kind and where it keeps jobs, as the report shows them. */
  readonly name: string
  readonly data: DatabaseHarness<Tx, D>
  /** Opens a store of jobs that nobody else uses, empty and migrated; once for all cases. */
  open(data: OpenData<Tx, D>): Promise<OpenTransactionManager>
  /** How long a case waits for what ought to happen. Default 20,000. */
  readonly patienceMs?: number
  /** What it does not do though the interface says so, each with the reason. */
  readonly limits?: TransactionManagerLimits
}

/** What jobs are tied to: migrated already. */
export interface OpenData<Tx, D extends Database<Tx> = Database<Tx>> {
  readonly opened: OpenDatabase<Tx, D>
  readonly database: D
}

export interface OpenTransactionManager {
  /**
   * A transaction manager on this store; each time a new one, as in another process of the app. It
   * is impatient: it looks for work every 100 ms at most, asks about a prepared job after 500 ms at
   * most, and takes over what a dead process held after 3 s at most.
   */
  manager(): TransactionManager
  /** Whether jobs are stored in the data's own transactions. */
  readonly enlists: Offered<{ readonly always: true }>
  close(): Promise<void>
}

export interface TransactionManagerLimits {
  /** Telling a job from another one with the same gid. */
  readonly conflicts?: string
  /** Refusing a job without a database whose gid is used already. */
  readonly duplicates?: string
  /** Refusing a submit of a job that was dropped. */
  readonly droppedJobs?: string
}
