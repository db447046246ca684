import type {
  AnyDatabase,
  DatabaseIdentity,
  DbContext,
  JobPageRequest,
  JobRecord,
  JobView,
  StepRecord,
} from '@stepping/core'
import type { ActiveState } from '../job-state.ts'

/** Where the self-TM keeps its jobs: what the worker needs. Reading and cleaning are `JobLedger`. */
export interface JobStore extends JobLedger {
  /** The database that holds the rows, where it is one of the app's. */
  readonly database?: AnyDatabase
  /** Creates or upgrades the store's own tables. */
  migrate(): Promise<void>
  /** @throws SteppingError `SCHEMA_MISSING`, `SCHEMA_OLDER`, `SCHEMA_NEWER`, `DATABASE_UNREACHABLE`. */
  assertReady(): Promise<void>

  /**
   * Durable when it resolves. The same content again changes nothing.
   *
   * @throws SteppingError `JOB_CONFLICT`; `JOB_DUPLICATE` or `BARRIER_DECIDED` when the job is
   * decided already; `BARRIER_EXPIRED` past the record's `notAfter`.
   */
  prepare(job: JobRecord): Promise<void>
  /**
   * A prepared job becomes submitted; a job without a database is created so. A job with a
   * database that is not there is not created: it was finished and cleaned away.
   *
   * With `lease` the row is handed out by the same write: `token` is then the caller's.
   *
   * @throws SteppingError `JOB_CONFLICT`, `JOB_UNKNOWN`, `TRANSACTION_ROLLED_BACK`, `BARRIER_EXPIRED`.
   */
  submit(job: JobRecord, lease?: LeaseRequest): Promise<Submitted>
  /** Where `enlist` has to ask for something first: asks, before there is a transaction. */
  meet?(database: AnyDatabase): Promise<void>
  /**
   * Inserts the job, submitted, in the context's transaction if that writes to this store's
   * database, after what `before` writes there; otherwise does nothing and resolves with false. With
   * `lease` the row carries it, measured from the moment of the insert.
   *
   * @throws SteppingError `JOB_DUPLICATE`; the transaction must then not commit. Where the context can
   * send the row with its COMMIT it is the transaction that rejects so.
   */
  enlist(
    context: DbContext,
    job: JobRecord,
    lease?: NewLease,
    before?: () => Promise<void>,
  ): Promise<boolean>

  /**
   * Hands out due jobs whose lease is free or has run out: each gets a new token, by which all
   * later writes of older holders are refused. A lease that ran out counts as an attempt. Prepared
   * jobs are handed out too, to be asked about.
   */
  claim(request: ClaimRequest): Promise<Claimed>
  /** Prolongs leases that are still this holder's; resolves with their gids. */
  renew(held: readonly HeldLease[], leaseMs: number): Promise<ReadonlySet<string>>
  /**
   * Writes how attempts ended, at most one of each job. Each is written only if its token and cursor are still those of the
   * row. One that an earlier, unanswered call has written already is `saved`.
   */
  settle(settlements: readonly Settlement[]): Promise<ReadonlyMap<string, SettleResult>>

  /** Whether the store refused the data itself: sending it again is no use. */
  isRefusal?(error: unknown): boolean

  /** Tells other processes of this app that there is work. */
  notify?(app: string): Promise<void>
  /** Calls back at other processes' `notify` until closed. */
  listen?(app: string, onNotify: () => void, onLost: () => void): Promise<() => Promise<void>>
  /** While somebody listens each write takes the store longer: a process with a backlog does without. */
  readonly listeningCosts?: boolean
}

/** What people and the cleaner need of a store. */
export interface JobLedger {
  find(gid: string): Promise<JobView | null>
  /** The jobs of one app in one state with a gid after the given one, by gid in the order of its characters. */
  list(request: JobPageRequest): Promise<readonly JobView[]>
  /** The database that decides about a job; undefined when there is none, or no such job. */
  databaseOf(gid: string): Promise<DatabaseIdentity | undefined>
  /** See `JobAdmin.retry`. Resolves with false when the job is unknown or over. */
  retry(gid: string): Promise<boolean>
  /** Ends a job that stands as seen and that nobody holds. Resolves with false when it does not. */
  end(seen: JobView, as: 'cancelled' | 'rolledBack'): Promise<boolean>
  overview(app: string): Promise<{ prepared: number; submitted: number; parked: number }>
  /** Deletes the rows of jobs that are over and past their safe age, one batch; resolves with how many. */
  prune(limit: number): Promise<number>
  /** Of these gids, those that are known and over. */
  over(gids: readonly string[]): Promise<ReadonlySet<string>>
  /** Of these gids, those that are known and not over. */
  active(gids: readonly string[]): Promise<ReadonlySet<string>>
}

export interface LeaseRequest {
  readonly owner: string
  readonly leaseMs: number
}

/** A lease that its row is inserted with. */
export interface NewLease extends LeaseRequest {
  /**
   * Drawn at random. A holder whose transaction rolled back unnoticed would else take the row of
   * another transaction with the same gid for its own.
   */
  readonly token: number
}

export interface Submitted {
  /** False: it was there already, with the same content. */
  readonly started: boolean
  /** The lease's token, if one was asked for and `started`. */
  readonly token?: number
}

export interface ClaimRequest extends LeaseRequest {
  readonly app: string
  readonly limit: number
  /** Only jobs whose next step is one of these (or that are prepared). */
  readonly stepNames: readonly string[]
  /** How far to look for what becomes due next; absent: do not look. */
  readonly lookAheadMs?: number
}

export interface Claimed {
  readonly claims: readonly Claim[]
  /** When the next job becomes due or its lease runs out; null: not within `lookAheadMs`. */
  readonly nextInMs: number | null
  /** Next steps of overdue jobs that are not among `stepNames` and that nobody has taken; null: did not look. */
  readonly unknownSteps: readonly string[] | null
}

export interface Claim {
  readonly gid: string
  readonly token: number
  readonly state: ActiveState
  readonly steps: readonly StepRecord[]
  /** How many steps are recorded as done. */
  readonly cursor: number
  /** Failed attempts of the step at the cursor, or of asking about a prepared job. */
  readonly attempts: number
  /** The last attempt was not written: its lease ran out. It is among the `attempts`. */
  readonly cutOff?: boolean
  readonly database?: DatabaseIdentity | undefined
}

export type HeldLease = Pick<Claim, 'gid' | 'token'>

/** How an attempt ended, and what becomes of its job. */
export type Settlement = HeldLease & { readonly cursor: number } & (
    | { readonly to: 'advanced'; readonly nextStep: string; readonly leaseMs: number }
    | { readonly to: 'submitted'; readonly leaseMs: number }
    | { readonly to: 'finished' }
    | { readonly to: 'rolledBack' }
    | { readonly to: 'retried'; readonly inMs: number; readonly error: string }
    | { readonly to: 'parked'; readonly error: string }
    /** Handed back untouched: the attempt does not count. */
    | { readonly to: 'returned'; readonly inMs: number }
  )

/** `lost`: another holder has the job, or an operator ended it. Nothing was written. */
export type SettleResult = 'saved' | 'lost'
