import type { BarrierKey, OnceKey } from '@stepping/core'
import type { MigrationSet } from './migration.ts'
import type { TablesOptions } from './sql-options.ts'
import type { Execute, Statement } from './statement.ts'
import type { Tables } from './table-name.ts'

/** What a guarded insert found. `expired`: the database's clock is past the key's `notAfter`. */
export type Inserted = 'inserted' | 'exists' | 'expired'

/**
 * Why else a barrier row was not inserted. `changed`: this is another database than the key's.
 * `lost`: the transaction is not open (any more).
 */
export type NotInserted = 'changed' | 'lost'

/** `decided`: as rolled back; `exists`: another transaction committed it. */
export type BarrierRefusal = 'decided' | 'exists' | 'expired' | 'changed'

/** How one database product does what every SQL adapter needs. The same names in each dialect. */
export interface SqlDialect {
  readonly name: 'postgres' | 'mysql' | 'sqlite'
  tables(options: TablesOptions): Tables
  readonly migrations: MigrationSet
  /** Until `unlockMigrations`, or the end of the surrounding transaction where there is none. */
  lockMigrations(tables: Tables, execute: Execute): Promise<void>
  unlockMigrations?(tables: Tables, execute: Execute): Promise<void>
  hasMeta(tables: Tables, execute: Execute): Promise<boolean>
  createMeta(tables: Tables): readonly Statement[]
  writeVersion(tables: Tables, component: string, version: number): Statement
  /** In a column `place`: which server and which of its databases this is. A copy is another place. */
  readPlace(): Statement
  /** The database's clock as epoch milliseconds, in a column `now`. */
  readClock(): Statement
  /**
   * Marks a transaction that this library did not open, so that `isOpen` can tell it.
   *
   * @throws SteppingError `TRANSACTION_UNUSABLE` when it can only be rolled back.
   */
  markOpen(execute: Execute, token: string, tables: Tables): Promise<void>
  /**
   * A condition for the inserts of a transaction: true only while that one is open. What a caller
   * did not await may be sent after the transaction's end, and would commit by itself. Without a
   * token the library opened the transaction, and awaits what it sends there.
   */
  isOpen(token: string | undefined, tables: Tables): Statement
  /** In the user's transaction, which from then on commits durably. */
  insertBarrier(
    tables: Tables,
    execute: Execute,
    key: BarrierKey,
    open: Statement,
    reason: 'msg' | 'empty',
  ): Promise<Inserted | NotInserted>
  /**
   * The same as the last statement of a transaction that this library commits: it fails where it would insert
   * nothing, so that the transaction does. Absent where a transaction can commit although a statement in it failed.
   */
  readonly insertBarrierLast?: {
    statement(tables: Tables, key: BarrierKey, reason: 'msg' | 'empty'): Statement
    /** What the statement's error means; undefined for any other one. */
    whyNot(error: unknown): BarrierRefusal | undefined
  }
  /** The reason stored with a decided gid: `msg` committed, `empty` committed without a job, `rollback` not. */
  readReason(tables: Tables, gid: string): Statement
  /** Its `resolveBarrier` decides in one statement, which needs no transaction around it. */
  readonly resolvesAlone?: true
  /** In a READ COMMITTED transaction of its own; waits for locks only a moment. */
  resolveBarrier(
    tables: Tables,
    execute: Execute,
    key: BarrierKey,
  ): Promise<'msg' | 'empty' | 'rollback' | 'expired' | 'changed'>
  takeOnce(tables: Tables, execute: Execute, key: OnceKey): Promise<Inserted>
  readOnce(tables: Tables, key: OnceKey): Statement
  /** Only where the value is `was`, when that is given. */
  storeOnce(tables: Tables, key: OnceKey, value: string, was?: string): Statement
  /** Barrier rows after the id, oldest first: `id`, `gid`, `reason`, and whether each is `old` enough to go. */
  listBarrier(tables: Tables, afterId: string, limit: number): Statement
  deleteBarrier(tables: Tables, ids: readonly string[]): Statement
  /** Gids after this one with `once` rows of this owner whose job is not known to be over. */
  listOnce(tables: Tables, owner: string, afterGid: string, limit: number): Statement
  markOnceOver(tables: Tables, owner: string, gids: readonly string[]): Statement
  deleteOnceOver(tables: Tables, limit: number): Statement
  /** A lock or a timeout kept the answer away: ask again. */
  isUndecided(error: unknown): boolean
  /** A deadlock or a serialization failure undid the whole statement: it may be sent again. */
  isRolledBack(error: unknown): boolean
  /** The server refused the data themselves: sending them again is no use. */
  isRefusal(error: unknown): boolean
  /** The server cannot be reached or does not take connections. */
  isUnreachable(error: unknown): boolean
  isMissingTable(error: unknown): boolean
}
