import { SteppingError } from './errors.ts'
import { assertNumber, invalidOption } from './option.ts'

/** Where a job stands. `docs/job-states.md` has the moves between them. */
export type JobState = 'prepared' | 'submitted' | 'finished' | 'rolledBack' | 'parked' | 'cancelled'

const states: ReadonlySet<string> = new Set<JobState>([
  'prepared',
  'submitted',
  'finished',
  'rolledBack',
  'parked',
  'cancelled',
])

/** A stored job as people look at it. */
export interface JobView {
  readonly gid: string
  readonly app: string
  readonly state: JobState
  readonly steps: readonly { readonly name: string; readonly done: boolean }[]
  /** Failed attempts of the step that is next. */
  readonly attempts: number
  /** Null of a job that finished, whatever its attempts had come to before. */
  readonly lastError: string | null
  /** Whether a process holds the job's lease now. */
  readonly running: boolean
  readonly dueAt: Date
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

export interface JobQuery {
  readonly state: JobState
  /** The most to return, up to 1,000. Default 100. */
  readonly limit?: number
  /** Only jobs with a later gid: that of the last job of the page before. */
  readonly after?: string
}

/** What a transaction manager is asked for: everything is said. */
export interface JobPageRequest {
  readonly app: string
  readonly state: JobState
  readonly limit: number
  /** Empty for the first page. */
  readonly after: string
}

/** Reading and steering jobs, as a transaction manager offers it. */
export interface JobAdmin {
  /** The job, or null when it is unknown or its row was deleted after it finished. */
  find(gid: string): Promise<JobView | null>
  /** Where it can: the jobs of one app in one state, by gid in ascending order of its characters. */
  list?(request: JobPageRequest): Promise<readonly JobView[]>
  /**
   * Makes a parked job run again, and a waiting one at once. The lease of a running attempt is not
   * touched: when that attempt fails, the next one follows at once.
   *
   * @throws SteppingError `JOB_UNKNOWN`, `JOB_STATE` for a job that is over.
   */
  retry(gid: string): Promise<void>
  /**
   * Ends a job before its next step. A prepared job's transaction is asked first: rolled back, it
   * is dropped; committed, it is cancelled before its first step.
   *
   * @throws SteppingError `JOB_UNKNOWN`, `JOB_RUNNING` while an attempt holds the lease,
   * `JOB_STATE` for a job that is over, `BARRIER_UNDECIDED` while its transaction is open,
   * `BARRIER_EXPIRED` when the question about it took longer than a day to arrive.
   */
  cancel(gid: string): Promise<void>
  /** Deletes the rows of jobs that are over and past their safe age; resolves with how many. */
  prune(): Promise<number>
  health(): Promise<Health>
}

export interface Health {
  /** Started, not closing, and the last look at the store succeeded. */
  readonly ok: boolean
  /** Attempts that run in this process now. */
  readonly running: number
  /** How long ago the store last answered this process; null before the first time. */
  readonly lastPollAgeMs: number | null
  /** Why the last look at the store failed; null when it did not. */
  readonly error: string | null
  /** Jobs of this app in the store by state; null while the store does not answer. */
  readonly jobs: {
    readonly prepared: number
    readonly submitted: number
    readonly parked: number
  } | null
  /** Names of steps that jobs wait for and that no process seems to know. */
  readonly unknownSteps: readonly string[]
}

/** Reading and steering the jobs of this app: `stepping.jobs`. */
export interface Jobs extends Omit<JobAdmin, 'list' | 'health'> {
  /**
   * A page of this app's jobs in one state, ordered by gid: those with gids of the library's own
   * come in the order in which they were created. A page that is not full is the last one.
   *
   * @throws SteppingError `OPTIONS_INVALID`; `NOT_SUPPORTED` with a DTM server.
   */
  list(query: JobQuery): Promise<readonly JobView[]>
}

/** For this app, and refused where it would wait for a transaction that is open around the caller. */
export function guardedJobs(
  jobs: JobAdmin,
  { app, kind }: { readonly app: string; readonly kind: string },
  assert: { readonly storeCanBeAsked: () => void; readonly allCanBeAsked: () => void },
): Jobs & Pick<JobAdmin, 'health'> {
  return {
    async find(gid) {
      assert.storeCanBeAsked()
      return await jobs.find(gid)
    },
    async list(query) {
      const { state, limit = 100, after = '' } = { ...query }
      const request = { app, state, limit, after }
      assertRequest(request)
      assert.storeCanBeAsked()
      if (jobs.list) return await jobs.list(request)
      throw new SteppingError(
        'NOT_SUPPORTED',
        `The transaction manager ${kind} cannot list jobs: look for their gids with its own tools, then use stepping.jobs.find(gid).`,
      )
    },
    async retry(gid) {
      assert.storeCanBeAsked()
      await jobs.retry(gid)
    },
    async cancel(gid) {
      assert.allCanBeAsked()
      await jobs.cancel(gid)
    },
    async prune() {
      assert.allCanBeAsked()
      return await jobs.prune()
    },
    async health() {
      assert.storeCanBeAsked()
      return await jobs.health()
    },
  }
}

function assertRequest({ state, limit, after }: JobPageRequest): void {
  const owner = 'stepping.jobs.list'
  if (!states.has(state)) {
    throw invalidOption(owner, 'state', state, `one of ${[...states].join(', ')}`)
  }
  assertNumber(owner, 'limit', limit, { from: 1, to: 1_000, whole: true })
  if (typeof after !== 'string') throw invalidOption(owner, 'after', after, 'the gid of a job')
}
