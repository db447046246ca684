import type { JobPageRequest, JobRecord, JobState, JobView } from '@stepping/core'
import type {
  AnySqlDatabase,
  Execute,
  Inserted,
  MigrationSet,
  Statement,
  Tables,
} from '@stepping/sql'
import type { Row } from './job-rows.ts'
import type { ClaimRequest, HeldLease, LeaseRequest, NewLease, Settlement } from './job-store.ts'

export interface JobInsert {
  readonly job: JobRecord
  readonly state: 'prepared' | 'submitted'
  /** When a worker may take it. */
  readonly dueInMs: number
  /** Whether the row outlives its job; see `isSentOnce`. */
  readonly keep: boolean
  readonly lease?: NewLease | undefined
}

export interface InsertLast {
  statement(tables: Tables, insert: JobInsert): Statement
  /** What the statement's error means; undefined for any other one. */
  whyNot(error: unknown): 'exists' | 'expired' | undefined
}

type Rows = Promise<readonly Row[]>

/**
 * What a SQL job store says to one database product: the same names in each dialect. Each call is
 * one transaction, however many statements it takes.
 */
export interface JobStatements {
  readonly migrations: MigrationSet
  /** On a connection of its own, or in a user's transaction: `lost` when `open` does not hold there. */
  insertJob(
    tables: Tables,
    execute: Execute,
    insert: JobInsert,
    open: Statement,
  ): Promise<Inserted | 'lost'>
  /**
   * As `insertJob`, where that is the last statement of a transaction of this library's: it fails
   * where it would insert nothing, so that the transaction fails. Absent where a transaction can
   * commit although a statement in it failed.
   */
  readonly insertLast?: InsertLast
  /** The `lease_token`; no row when the job is not prepared (any more). */
  submitPrepared(database: AnySqlDatabase, job: JobRecord, lease?: LeaseRequest): Rows
  /** `app`, `state`, `steps`, `database`: what is stored under a gid. */
  readContent(database: AnySqlDatabase, gid: string): Rows
  /** Where the database can tell other processes something. */
  notify?(database: AnySqlDatabase, channel: string): Rows
  /** The jobs handed out, and one row without a gid that says what comes next. */
  claimJobs(database: AnySqlDatabase, request: ClaimRequest): Rows
  /** The gids whose lease was still this holder's. */
  renewLeases(database: AnySqlDatabase, held: readonly HeldLease[], leaseMs: number): Rows
  /** How many were written. */
  settleJobs(
    database: AnySqlDatabase,
    settlements: readonly Settlement[],
    keepHistory: boolean,
  ): Promise<number>
  /** `gid`, `lease_token`, `cursor`, `state`, and `leased`: whether the lease was not given up. */
  readCursors(database: AnySqlDatabase, gids: readonly string[]): Rows
  /** As `viewOf` reads them; times as epoch milliseconds. */
  findJob(database: AnySqlDatabase, gid: string): Rows
  /** The same of many. */
  listJobs(database: AnySqlDatabase, request: JobPageRequest): Rows
  /** The gid, if the job was there and not over. */
  retryJob(database: AnySqlDatabase, gid: string): Rows
  /** The gid, if the job stood as seen. */
  endJob(database: AnySqlDatabase, seen: JobView, as: 'cancelled' | 'rolledBack'): Rows
  /** `state` and `count`. */
  countJobs(database: AnySqlDatabase, app: string): Rows
  /** How many rows of `jobs` and of `history`. Without `historyMs` the history is left to the processes that keep one. */
  pruneJobs(database: AnySqlDatabase, limit: number, historyMs: number | null): Rows
  /** The gids among these whose job is in one of the states. */
  listAmong(database: AnySqlDatabase, gids: readonly string[], states: readonly JobState[]): Rows
}
