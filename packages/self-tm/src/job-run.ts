import {
  describeError,
  isSteppingError,
  retryDelayMs,
  SteppingError,
  toError,
} from '@stepping/core'
import type { Deadlines, FailedOutcome, Participant, StepOutcome } from '@stepping/core'
import { answeredWithin } from './deadline.ts'
import { Lease } from './lease.ts'
import { LeasedCall } from './leased-call.ts'
import type { Holder, Settled, Settler } from './settler.ts'
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

type Ending = Settlement extends infer S
  ? S extends Settlement
    ? Omit<S, 'gid' | 'token' | 'cursor'>
    : never
  : never

/**
 * One claimed job in this process, from its claim until its lease is given up or lost.
 *
 * There are many, and most of each one's time is waiting for the store: what it keeps alive meanwhile is copied by the
 * garbage collector. So the settler tells it by a call what became of an ending, and `over` is made when it is asked for.
 */
export class JobRun implements Holder {
  readonly gid: string
  readonly token: number
  readonly #parts: JobRunParts
  readonly #claim: Claim
  readonly #lease: Lease
  #cursor: number
  #draining = false
  #finished = false
  /** Its last ending is being written: that gives the lease up, so a renewal finds nothing. */
  #ending = false
  /** Why it is to be parked. */
  #parkedBy: Error | undefined
  /** The store refused an ending already. */
  #wasRefused = false
  #isOver = false
  #over: PromiseWithResolvers<void> | undefined

  /**
   * @param sentAtMs When the request that got the lease was sent, on the monotonic clock.
   */
  constructor(parts: JobRunParts, claim: Claim, sentAtMs: number) {
    this.gid = claim.gid
    this.token = claim.token
    this.#parts = parts
    this.#claim = claim
    this.#cursor = claim.cursor
    this.#lease = new Lease(claim.gid, parts.leaseMs, sentAtMs, parts.deadlines)
  }

  /**
   * To be called once, by who has it among its own: it may be over at once.
   *
   * @param proven False: nobody confirmed the commit of the job's row, so the row is looked at first.
   */
  begin(proven: boolean): void {
    if (proven && this.#claim.state === 'submitted') void this.#goOn()
    else void this.#findOut(proven)
  }

  /** Its last step is recorded as done. */
  get isFinished(): boolean {
    return this.#finished
  }

  /** Only its last ending has to be written. */
  get isEnding(): boolean {
    return this.#ending
  }

  /** Resolves when the run is over and nothing of it goes on, except a step that ignored its timeout. */
  get over(): Promise<void> {
    this.#over ??= Promise.withResolvers()
    if (this.#isOver) this.#over.resolve()
    return this.#over.promise
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

  async #findOut(proven: boolean): Promise<void> {
    try {
      if (!proven && !(await this.#isCommitted())) return this.#leave()
      if (this.#claim.state === 'prepared') this.#write(await this.#resolution())
      else await this.#goOn()
    } catch {
      // Nothing was begun: its lease runs out, and the job is claimed.
      this.#leave()
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

  /** Asks whether a prepared job's transaction committed: only then do its steps run. */
  async #resolution(): Promise<Ending> {
    const { gid, database, attempts } = this.#claim
    const { participant, leaseMs } = this.#parts
    try {
      const question = participant.queryPrepared({ gid, ...(database && { database }) })
      const outcome = await answeredWithin(leaseMs, question)
      return outcome === 'committed' ? { to: 'submitted', leaseMs } : { to: 'rolledBack' }
    } catch (thrown) {
      const error = toError(thrown)
      const retryInMs = retryDelayMs(attempts + 1, openTransactionBackoff)
      // An open transaction is nothing to report: it is only not over yet.
      if (!isSteppingError(error, 'BARRIER_UNDECIDED')) {
        participant.report({ type: 'job.unresolved', gid, error, retryInMs })
      }
      return { to: 'retried', inMs: retryInMs, error: describeError(error) }
    }
  }

  /** Makes one attempt of the next step, or gives the job back. */
  async #goOn(): Promise<void> {
    const notNow = this.#whyNotNow()
    if (notNow) return this.#write(notNow)
    try {
      const call = new LeasedCall(this.#claim, this.#cursor, this.#lease)
      this.#write(this.#endingOf(await this.#parts.participant.runStep(call)))
    } catch {
      // It never rejects. If it does all the same: the lease runs out, and the job is claimed again.
      this.#leave()
    }
  }

  #whyNotNow(): Ending | undefined {
    if (this.#draining || !this.#lease.isHeld) return { to: 'returned', inMs: 0 }
    if (this.#parts.participant.stepNames.includes(this.#step)) return undefined
    return { to: 'returned', inMs: unknownStepMs }
  }

  #endingOf(outcome: StepOutcome): Ending {
    if (!outcome.done) return this.#failure(outcome)
    const next = this.#claim.steps[this.#cursor + 1]
    if (!next) return { to: 'finished' }
    return { to: 'advanced', nextStep: next.name, leaseMs: this.#parts.leaseMs }
  }

  #failure(outcome: FailedOutcome): Ending {
    if (isSteppingError(this.#lease.stoppedBy, 'LEASE_LOST')) this.#reportLost()
    if (outcome.interrupted) return { to: 'returned', inMs: 0 }
    const error = describeError(outcome.error)
    if (!outcome.park) return { to: 'retried', inMs: outcome.retryInMs, error }
    this.#parkedBy = outcome.error
    return { to: 'parked', error }
  }

  /** The next step does not begin before this is durable, and a renewed deadline counts from when it was sent. */
  #write(ending: Ending): void {
    if (!goesOn(ending) && !this.#ending) {
      this.#ending = true
      this.#parts.onEnding(this)
    }
    const { gid, token } = this
    this.#parts.settler.write({ gid, token, cursor: this.#cursor, ...ending }, this)
  }

  settled(ending: Settlement, settled: Settled): void {
    try {
      this.#settled(ending, settled)
    } catch {
      // Nobody else has this run: it must not stay for ever.
      this.#leave()
    }
  }

  #settled(ending: Settlement, { result, reason, sentAtMs }: Settled): void {
    if (result === 'refused' && !this.#wasRefused) return this.#park(reason)
    if (result === 'saved' && goesOn(ending)) {
      this.#lease.extend(sentAtMs)
      if (ending.to === 'advanced') this.#cursor++
      return void this.#goOn()
    }
    if (result === 'saved') this.#reportEnd(ending)
    // What was only to be given back is no loss.
    if (result === 'lost' && ending.to !== 'returned') this.#reportLost()
    // Closing, or refused once more: its lease runs out, and the job is claimed again.
    this.#leave()
  }

  /** The store refuses what came of the step: a person has to see why, and words of our own it takes. */
  #park(reason: unknown): void {
    this.#wasRefused = true
    this.#parkedBy = toError(reason)
    const why = describeError(reason)
      .slice(0, 100)
      .replaceAll(/[^ -~]/g, '?')
    this.#write({ to: 'parked', error: `what came of it could not be stored (${why})` })
  }

  #leave(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#lease.end()
    this.#parts.onOver(this)
    this.#over?.resolve()
  }

  #reportEnd({ to }: Settlement): void {
    const { gid } = this
    const { participant } = this.#parts
    if (to === 'finished') {
      this.#finished = true
      participant.report({ type: 'job.finished', gid })
    }
    if (to === 'rolledBack') participant.report({ type: 'job.rolledBack', gid })
    if (to === 'parked') {
      participant.report({ type: 'job.parked', gid, step: this.#step, error: this.#parkedBy! })
    }
  }

  #reportLost(): void {
    this.#parts.participant.report({ type: 'lease.lost', gid: this.gid, step: this.#step })
  }

  get #step(): string {
    return this.#claim.steps[this.#cursor]?.name ?? ''
  }
}

/** The job stays with this process. */
function goesOn({ to }: Ending): boolean {
  return to === 'advanced' || to === 'submitted'
}
