import type { AnyDatabase, DatabaseIdentity, DbContext } from './db-context.ts'
import type { SteppingEvent } from './event.ts'
import type { JobAdmin } from './job-admin.ts'

/** A job as it is sent to the transaction manager: frozen, the same object in every send. */
export interface JobRecord {
  readonly gid: string
  readonly app: string
  readonly steps: readonly StepRecord[]
  /** The database whose transaction decides; absent: the job stands by itself. */
  readonly database?: DatabaseIdentity
  /** Epoch milliseconds: a message about this job that arrives later is refused. */
  readonly notAfter: number
  /** The gid came from the caller, so a second job may come with it. */
  readonly callerGid: boolean
  /** The caller commits and may forget to submit. */
  readonly byHand: boolean
  /** Of this transaction manager's own kind. */
  readonly options?: TmOptions
}

/**
 * What a job asks of one kind of transaction manager, made by a function of its package: `dtmOptions`
 * for example. Core only sees to it that they meet that kind.
 */
export interface TmOptions {
  readonly kind: string
}

export interface StepRecord {
  readonly name: string
  /** The args as JSON; absent when there are none. */
  readonly args?: string
}

/**
 * Engine to transaction manager. Everything may be called before `start`: a process that only adds
 * jobs never starts.
 */
export interface TransactionManager {
  /** Its kind: with the app's name it tells whose rows are whose in a shared database. */
  readonly kind: string
  /** The database that holds the jobs, where it is one; it is registered with the app's own. */
  readonly database?: AnyDatabase
  /** Reading and steering jobs, where this transaction manager can. */
  readonly jobs?: JobAdmin
  /** Begins to execute. Rejects when the store cannot be reached or is not migrated. */
  start(participant: Participant, options: { readonly execute: boolean }): Promise<void>
  /**
   * Gives unstarted work back, lets running steps end, then lets go of everything. Until it
   * resolves, those steps may still send jobs.
   */
  close(): Promise<void>
  /** Creates or upgrades the store's tables. */
  migrate?(): Promise<void>
  /**
   * The job is durable but waits for the outcome of its transaction. Repeating it with the same
   * content changes nothing.
   *
   * @throws SteppingError `JOB_CONFLICT` for other content under this gid. After any other
   * rejection it may or may not have arrived.
   */
  prepare(job: JobRecord): Promise<void>
  /**
   * Starts the steps of a prepared job, or of a job without a database. Durable when it resolves.
   *
   * @throws SteppingError `JOB_DUPLICATE` when a job without a database exists already,
   * `JOB_CONFLICT`, `TRANSACTION_ROLLED_BACK` when the job was dropped. After any other rejection it
   * may or may not have arrived.
   */
  submit(job: JobRecord): Promise<void>
  /**
   * Finds out what `enlist` has to know of a database, by connections of its own. Told before a
   * transaction is opened: in it, each would be one more from a pool whose others may all be held by
   * transactions that wait for the same. Never rejects.
   */
  meet?(database: AnyDatabase): Promise<void>
  /**
   * Stores the job inside the context's own transaction where it reaches this manager's store, so
   * that prepare and submit are not needed. Resolves with undefined where it does not.
   *
   * Where it does, it first awaits `before`, which writes in the same transaction; the job's row is
   * the last statement.
   *
   * @throws SteppingError `JOB_DUPLICATE`, or whatever `before` threw; the transaction must then not
   * commit. Where the row is sent with the COMMIT it is the transaction that rejects so.
   */
  enlist?(
    context: DbContext,
    job: JobRecord,
    before: () => Promise<void>,
  ): Promise<Enlistment | undefined>
  /** Drops a prepared job. Called only after its barrier said rolled back. */
  abort?(job: JobRecord): Promise<void>
}

/** A job that lies in a transaction which is not over yet. Exactly one of the two is called, if any. */
export interface Enlistment {
  /** `proven`: the server confirmed the commit of this very row. Otherwise the row has to be looked at first. */
  committed(proven: boolean): void
  /** It did not commit, or nobody knows. */
  notCommitted(): void
}

/** Transaction manager to engine. Implemented once, in core. */
export interface Participant {
  readonly app: string
  /** As in the `once` rows of its steps: `<app>/<kind of transaction manager>/<identity of its store>`. */
  readonly owner: string
  /** All names and aliases this app can run. */
  readonly stepNames: readonly string[]
  /** The databases that are known now, whose old rows the transaction manager has cleaned. Tenants come and go. */
  readonly databases: readonly AnyDatabase[]
  /**
   * Makes one attempt of one step. It never rejects. It resolves when the step has ended, or when
   * its time was up (the step may then still be running).
   */
  runStep(call: StepCall): Promise<StepOutcome>
  /**
   * Whether the transaction of a prepared job committed. A job without a database is committed.
   *
   * @throws SteppingError `BARRIER_UNDECIDED` while it is open; `DATABASE_NOT_REGISTERED`,
   * `TENANT_UNRESOLVED`, `DATABASE_CHANGED` and whatever the driver throws leave the job prepared:
   * ask again.
   */
  queryPrepared(query: {
    readonly gid: string
    readonly database?: DatabaseIdentity
  }): Promise<'committed' | 'rolledBack'>
  /** Tells the app's log and `onEvent`. Never throws. */
  report(event: SteppingEvent): void
}

export interface StepCall {
  readonly gid: string
  /** The program outside this app whose job it is, and which named the gid; absent: this app's own. */
  readonly caller?: string
  readonly index: number
  readonly name: string
  readonly args?: string | undefined
  /** 1 for the first attempt of this step. */
  readonly attempt: number
  /** Nobody stored how the attempt before ended: its process died, or lost the job. */
  readonly afterCutOff?: boolean
  /** Aborts when the attempt has to stop. */
  readonly signal: AbortSignal
  /** The same, for calls that make their signal when somebody asks for it. Default: asks the signal. */
  readonly isStopped?: boolean
  /** When the next attempt follows a failed one, where that is not only the step's to say. To tell people. */
  readonly nextTryInMs?: (outcome: FailedOutcome) => Promise<number>
}

export type FailedOutcome = Extract<StepOutcome, { done: false }>

export type StepOutcome =
  | { readonly done: true }
  | {
      readonly done: false
      readonly error: Error
      /** The attempt was told to stop: it does not count. */
      readonly interrupted: boolean
      /** Trying again is no use, or not wanted: a person has to look. */
      readonly park: boolean
      /** When to try again, by the step's own policy. */
      readonly retryInMs: number
    }
