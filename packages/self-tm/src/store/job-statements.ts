import type { JobRecord, JobState, JobView } from '@stepping/core'
import type { MigrationSet, Statement, Tables } from '@stepping/sql'
import type { ClaimRequest, HeldLease, LeaseRequest, Settlement } from './job-store.ts'

export interface JobInsert {
  readonly job: JobRecord
  readonly state: 'prepared' | 'submitted'
  /** When a worker may take it. */
  readonly dueInMs: number
  /** Whether the row outlives its job; see `isSentOnce`. */
  readonly keep: boolean
  readonly lease?: LeaseRequest | undefined
}

/** What a SQL job store says to one database product: the same names in each dialect. */
export interface JobStatements {
  readonly migrations: MigrationSet
  /** One row: `open` (the clock is before the record's `notAfter`) and `inserted`. */
  insertJob(tables: Tables, insert: JobInsert): Statement
  /** The `lease_token`; no row when the job is not prepared (any more). */
  submitPrepared(tables: Tables, job: JobRecord, lease?: LeaseRequest): Statement
  /** `app`, `state`, `steps`, `database`: what is stored under a gid. */
  readContent(tables: Tables, gid: string): Statement
  notify(channel: string): Statement
  /** The jobs handed out, and one row without a gid that says what comes next. */
  claimJobs(tables: Tables, request: ClaimRequest): Statement
  /** The gids whose lease was still this holder's. */
  renewLeases(tables: Tables, held: readonly HeldLease[], leaseMs: number): Statement
  /** The gids that were written. */
  settleJobs(tables: Tables, settlements: readonly Settlement[], keepHistory: boolean): Statement
  /** `gid`, `lease_token`, `cursor`, `state`, and `leased`: whether the lease was not given up. */
  readCursors(tables: Tables, gids: readonly string[]): Statement
  findJob(tables: Tables, gid: string): Statement
  retryJob(tables: Tables, gid: string): Statement
  endJob(tables: Tables, seen: JobView, as: 'cancelled' | 'rolledBack'): Statement
  countJobs(tables: Tables, app: string): Statement
  /** Without `historyMs` the history is left to the processes that keep one. */
  pruneJobs(tables: Tables, limit: number, historyMs: number | null): Statement
  listAmong(tables: Tables, gids: readonly string[], states: readonly JobState[]): Statement
}
