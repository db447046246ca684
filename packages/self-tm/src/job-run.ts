import {
  describeError,
  isSteppingError,
  retryDelayMs,
  SteppingError,
  toError,
} from '@stepping/core'
import type { Deadlines, Participant, StepCall, StepOutcome, StepRecord } from '@stepping/core'
import { answeredWithin } from './deadline.ts'
import { Lease } from './lease.ts'
import type { Settled, Settler } from './settler.ts'
import type { Claim, JobStore, Settlement } from './store/job-store.ts'

export interface JobRunParts {
  readonly participant: Participant
  readonly settler: Settler
  readonly store: Pick<JobStore, 'renew' | 'isRefusal'>
  readonly leaseMs: number
  /** Those of the leases of this process. */
  readonly deadlines: Deadlines
  /** All that is left of a run is to write how it ends: its place is free for another job. */
  onEnding(run: JobRun): void
  onOver(run: JobRun): void
}

/** While a transaction is open its job is asked about again this soon, then ever less often. */
const openTransactionBackoff = { firstMs: 500, capMs: 10_000 }

/** How long another process gets to take a job whose next step this one does not know. */
const unknownStepMs = 1_000

type Failure = Extract<StepOutcome, { done: false }>
type Ending = Settlement extends infer S
  ? S extends Settlement
    ? Omit<S, 'gid' | 'token' | 'cursor'>
    : never
  : never

/** One claimed job in this process, from its claim until its lease is given up or lost. */
export class JobRun {
  readonly gid: string
  readonly token: number
  /** Resolves when the run is over and nothing of it goes on, except a step that ignored its timeout. */
  readonly over: Promise<void>
  readonly #parts: JobRunParts
  readonly #claim: Claim
  readonly #lease: Lease
  #cursor: number
  #draining = false
  #finished = false
  /** Its last ending is being written: that gives the lease up, so a renewal finds nothing. */
  #ending = false

  /**
   * @param sentAtMs When the request that got the lease was sent, on the monotonic clock.
   * @param proven False: nobody confirmed the commit of the job's row, so the row is looked at first.
   */
  constructor(parts: JobRunParts, claim: Claim, sentAtMs: number, proven = true) {
    this.gid = claim.gid
    this.token = claim.token
    this.#parts = parts
    this.#claim = claim
    this.#cursor = claim.cursor
    this.#lease = new Lease(claim.gid, parts.leaseMs, sentAtMs, parts.deadlines)
    this.over = this.#run(proven)
  }

  /** Its last step is recorded as done. */
  get isFinished(): boolean {
    return this.#finished
  }

  /** Only its last ending has to be written. */
  get isEnding(): boolean {
    return this.#ending
  }

  /** The store confirmed the lease. */
  renewed(sentAtMs: number): void {
    if (!this.#ending) this.#lease.extend(sentAtMs)
  }

  /** The store does not know this lease any more. */
  lost(why: string): void {
    if (!this.#ending) this.#lease.lose(why)
  }

  /** Stops after the step that runs now. */
  drain(): void {
    this.#draining = true
  }

  /** Tells the running step to stop. */
  interrupt(): void {
    this.#lease.abort(
      new SteppingError('STEP_INTERRUPTED', `The app is closing: job ${this.gid} goes on later.`, {
        gid: this.gid,
      }),
    )
  }

  async #run(proven: boolean): Promise<void> {
    try {
      if (!proven && !(await this.#isCommitted())) return
      if (this.#claim.state === 'prepared' && !(await this.#resolve())) return
      while (await this.#runStep()) {}
    } catch {
      // Closing, or the store refuses whatever is written about this job: its lease runs out and
      // the job is claimed again.
    } finally {
      this.#lease.end()
      this.#parts.onOver(this)
    }
  }

  /**
   * The insert carried a lease and the library said that its transaction committed, but a
   * roll-back that it did not notice would have taken the row along. Renewing is the proof.
   */
  async #isCommitted(): Promise<boolean> {
    const { store, leaseMs, participant } = this.#parts
    // While the lease is held nobody else can have taken the row.
    const { isHeld } = this.#lease
    const renewed = await answeredWithin(leaseMs, store.renew([this], leaseMs))
    if (renewed.has(this.gid)) return true
    if (isHeld) participant.report({ type: 'job.missing', gid: this.gid })
    return false
  }

  /** Asks whether a prepared job's transaction committed. @returns whether its steps may run. */
  async #resolve(): Promise<boolean> {
    const { gid, database, attempts } = this.#claim
    const { participant, leaseMs } = this.#parts
    try {
      const question = participant.queryPrepared({ gid, ...(database && { database }) })
      const outcome = await answeredWithin(leaseMs, question)
      if (outcome === 'committed') return await this.#goOn({ to: 'submitted', leaseMs })
      if (await this.#end({ to: 'rolledBack' })) participant.report({ type: 'job.rolledBack', gid })
    } catch (thrown) {
      const error = toError(thrown)
      const retryInMs = retryDelayMs(attempts + 1, openTransactionBackoff)
      // An open transaction is nothing to report: it is only not over yet.
      if (!isSteppingError(error, 'BARRIER_UNDECIDED')) {
        participant.report({ type: 'job.unresolved', gid, error, retryInMs })
      }
      await this.#end({ to: 'retried', inMs: retryInMs, error: describeError(error) })
    }
    return false
  }

  /** Makes one attempt of the next step. @returns whether to go on with the one after it. */
  async #runStep(): Promise<boolean> {
    const { participant, leaseMs } = this.#parts
    const { steps } = this.#claim
    const step = steps[this.#cursor]!
    if (this.#draining || !this.#lease.isHeld)
      return await this.#end({ to: 'returned', inMs: 0 }, false)
    if (!participant.stepNames.includes(step.name)) {
      return await this.#end({ to: 'returned', inMs: unknownStepMs }, false)
    }
    const outcome = await participant.runStep(
      new LeasedCall(this.#claim, this.#cursor, this.#lease),
    )
    if (!outcome.done) return await this.#fail(step, outcome)
    const next = steps[this.#cursor + 1]
    if (next) {
      if (!(await this.#goOn({ to: 'advanced', nextStep: next.name, leaseMs }))) return false
      this.#cursor++
      return true
    }
    if (await this.#end({ to: 'finished' })) {
      this.#finished = true
      participant.report({ type: 'job.finished', gid: this.gid })
    }
    return false
  }

  async #fail(step: StepRecord, outcome: Failure): Promise<boolean> {
    const { participant } = this.#parts
    if (isSteppingError(this.#lease.stoppedBy, 'LEASE_LOST')) {
      participant.report({ type: 'lease.lost', gid: this.gid, step: step.name })
    }
    if (outcome.interrupted) return await this.#end({ to: 'returned', inMs: 0 }, false)
    const error = describeError(outcome.error)
    if (!outcome.park)
      return await this.#end({ to: 'retried', inMs: outcome.retryInMs, error }, false)
    if (await this.#end({ to: 'parked', error })) {
      participant.report({
        type: 'job.parked',
        gid: this.gid,
        step: step.name,
        error: outcome.error,
      })
    }
    return false
  }

  /**
   * Writes progress that keeps the lease. The next step must not begin before this is durable, and
   * the renewed deadline counts from when it was sent.
   */
  async #goOn(ending: Ending): Promise<boolean> {
    const settled = await this.#settle(ending)
    if (settled.result === 'saved') {
      this.#lease.extend(settled.sentAtMs)
      return true
    }
    if (settled.result === 'refused') await this.#park(settled.reason)
    else this.#reportLost()
    return false
  }

  /** Writes how the run ends. @returns `then`, or false if it was not written: the lease was lost, or the store refused it. */
  async #end(ending: Ending, then = true): Promise<boolean> {
    this.#beginEnding()
    const { result, reason } = await this.#settle(ending)
    if (result === 'saved') return then
    if (result === 'refused') await this.#park(reason)
    else if (ending.to !== 'returned') this.#reportLost()
    return false
  }

  #beginEnding(): void {
    if (this.#ending) return
    this.#ending = true
    this.#parts.onEnding(this)
  }

  /** The store refuses what came of the step: a person has to see why, and words of our own it takes. */
  async #park(reason: unknown): Promise<void> {
    this.#beginEnding()
    const why = describeError(reason)
      .slice(0, 100)
      .replaceAll(/[^ -~]/g, '?')
    const error = `what came of it could not be stored (${why})`
    const { result } = await this.#settle({ to: 'parked', error })
    if (result === 'lost') return this.#reportLost()
    // Refused once more: its lease runs out, and the job is claimed again.
    if (result === 'refused') return
    const { participant } = this.#parts
    participant.report({
      type: 'job.parked',
      gid: this.gid,
      step: this.#step,
      error: toError(reason),
    })
  }

  #settle(ending: Ending): Promise<Settled> {
    const held = { gid: this.gid, token: this.token, cursor: this.#cursor }
    return this.#parts.settler.settle({ ...held, ...ending })
  }

  get #step(): string {
    return this.#claim.steps[this.#cursor]?.name ?? ''
  }

  #reportLost(): void {
    this.#parts.participant.report({ type: 'lease.lost', gid: this.gid, step: this.#step })
  }
}

/** A step of a job that this process holds. */
class LeasedCall implements StepCall {
  readonly gid: string
  readonly index: number
  readonly name: string
  readonly args: string | undefined
  readonly attempt: number
  readonly afterCutOff: boolean
  readonly #lease: Lease

  constructor({ gid, steps, state, cursor, attempts, cutOff }: Claim, index: number, lease: Lease) {
    // What a prepared job counted were questions to its database.
    const isFirst = state === 'submitted' && index === cursor
    this.gid = gid
    this.index = index
    this.name = steps[index]!.name
    this.args = steps[index]!.args
    this.attempt = isFirst ? attempts + 1 : 1
    this.afterCutOff = isFirst && cutOff === true
    this.#lease = lease
  }

  get signal(): AbortSignal {
    return this.#lease.signal
  }

  get isStopped(): boolean {
    return this.#lease.stoppedBy !== undefined
  }
}
