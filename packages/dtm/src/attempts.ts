import {
  describeError,
  endsWithin,
  idempotencyKeyOf,
  isSteppingError,
  safeAge,
  SteppingError,
} from '@stepping/core'
import type { StepCall, StepOutcome } from '@stepping/core'
import { monotonicMs } from './clock.ts'
import type { Undecided } from './ledger.ts'

/** A step that DTM calls. */
export type CalledStep = Pick<StepCall, 'gid' | 'index' | 'name' | 'args' | 'caller'>

/**
 * How a step stands: `waiting` that its time has not come (again), `interrupted` that this process
 * is closing. `done` is said once, and then `done before`.
 */
export type Progress =
  | 'done'
  | 'done before'
  | 'running'
  | 'waiting'
  | 'failed'
  | 'parked'
  | 'interrupted'

/** What this process knows of a step. */
export interface StepState {
  readonly failures: number
  readonly lastError: string | null
  readonly isRunning: boolean
  readonly isParked: boolean
}

interface Running {
  readonly over: Promise<void>
  readonly stop: AbortController
}

interface Entry {
  running: Running | undefined
  isDone: boolean
  /** Monotonic; meaningless until then. */
  doneAtMs: number
  /** How the last attempt ended, until DTM has heard it. */
  untold: Progress | undefined
  failures: number
  lastError: string | null
  isParked: boolean
  /** No attempt before this; monotonic. */
  notBeforeMs: number
}

export interface AttemptsOptions {
  readonly run: (call: StepCall) => Promise<StepOutcome | Undecided>
  /** Attempts at once. */
  readonly concurrency: number
  /** How long a parked step rests: DTM cannot park it. */
  readonly parkedMs: number
  readonly onParked: (step: CalledStep, error: Error) => void
}

/** More steps than this are not remembered: those that were called longest ago go first. */
const mostEntries = 10_000

/**
 * Nor is a step that was done longer ago than this: a gid of a caller's own is a new job once DTM
 * and the barrier have forgotten the old one, which both do later.
 */
const rememberedMs = safeAge.jobWindowMs

/** How long steps that were told to stop may take to do so. */
const interruptMs = 1_000

/**
 * The attempts of this process. DTM waits only seconds for an answer, so an attempt outlives the
 * call that began it, and a later call hears how it ended. Of one step never two attempts run at
 * once, however often DTM calls it, and what is done is not done again while it is remembered.
 */
export class Attempts {
  readonly #options: AttemptsOptions
  readonly #entries = new Map<string, Entry>()
  readonly #running = new Set<Running>()
  #closing = false

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#running.size
  }

  /**
   * How the step stands, after an attempt if it is time for one. Waits for that one at most
   * `waitMs`; for one that runs already not at all, because DTM makes all its retries one after
   * another.
   */
  async ask(step: CalledStep, waitMs: number): Promise<Progress> {
    const entry = this.#entryOf(idempotencyKeyOf(step))
    if (entry.running) return 'running'
    if (entry.untold) return tell(entry)
    if (entry.isDone) return 'done before'
    if (this.#closing) return 'interrupted'
    if (monotonicMs() < entry.notBeforeMs || this.running >= this.#options.concurrency) {
      return 'waiting'
    }
    entry.running = this.#begin(entry, step)
    await endsWithin(entry.running.over, waitMs)
    return entry.running ? 'running' : tell(entry)
  }

  /** Of a step of the app's own. */
  state(gid: string, index: number): StepState | undefined {
    const entry = this.#entries.get(idempotencyKeyOf({ gid, index }))
    return entry && { ...entry, isRunning: entry.running !== undefined }
  }

  /** The next call makes an attempt of that step of the app's own, however long it was to rest. */
  wake(gid: string, index: number): void {
    const entry = this.#entries.get(idempotencyKeyOf({ gid, index }))
    if (!entry) return
    entry.notBeforeMs = 0
    entry.isParked = false
    if (!entry.isDone) entry.untold = undefined
  }

  /** Begins nothing any more; attempts that take longer than `drainMs` are told to stop. */
  async close(drainMs: number): Promise<void> {
    this.#closing = true
    if (await this.#allOver(drainMs)) return
    for (const { stop } of this.#running) {
      stop.abort(
        new SteppingError('STEP_INTERRUPTED', 'The app is closing: the job goes on later.'),
      )
    }
    await this.#allOver(interruptMs)
  }

  #begin(entry: Entry, step: CalledStep): Running {
    const stop = new AbortController()
    const attempt = async (): Promise<void> => {
      const call = { ...step, attempt: entry.failures + 1, signal: stop.signal }
      const outcome = await this.#options.run(call)
      entry.running = undefined
      this.#running.delete(running)
      this.#end(entry, step, outcome)
    }
    const running = { over: attempt(), stop }
    this.#running.add(running)
    return running
  }

  #end(entry: Entry, step: CalledStep, outcome: StepOutcome | Undecided): void {
    if (outcome === 'undecided') {
      entry.untold = 'waiting'
      return
    }
    if (outcome.done) {
      entry.isDone = true
      entry.doneAtMs = monotonicMs()
      entry.untold = 'done'
      return
    }
    if (outcome.interrupted) {
      entry.untold = 'interrupted'
      return
    }
    const { error, park, retryInMs } = outcome
    entry.failures++
    entry.lastError = describeError(error)
    entry.isParked = park
    entry.notBeforeMs = monotonicMs() + (park ? this.#options.parkedMs : retryInMs)
    if (park) entry.untold = 'parked'
    else entry.untold = isSteppingError(error, 'STEP_RETRY') ? 'waiting' : 'failed'
    if (park) this.#options.onParked(step, error)
  }

  #entryOf(key: string): Entry {
    const known = this.#entries.get(key)
    const entry = (known && !isForgotten(known) ? known : undefined) ?? {
      running: undefined,
      isDone: false,
      doneAtMs: 0,
      untold: undefined,
      failures: 0,
      lastError: null,
      isParked: false,
      notBeforeMs: 0,
    }
    // The one that was asked for last stands at the end.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    for (const [oldest, { running }] of this.#entries) {
      if (this.#entries.size <= mostEntries) break
      if (!running) this.#entries.delete(oldest)
    }
    return entry
  }

  async #allOver(withinMs: number): Promise<boolean> {
    const all = [...this.#running].map(({ over }) => over)
    return await endsWithin(Promise.all(all), withinMs)
  }
}

function isForgotten({ isDone, untold, doneAtMs }: Entry): boolean {
  return isDone && !untold && monotonicMs() - doneAtMs >= rememberedMs
}

function tell(entry: Entry): Progress {
  // Another call, at the same moment, may have been told.
  const progress = entry.untold ?? (entry.isDone ? 'done before' : 'waiting')
  entry.untold = undefined
  return progress
}
