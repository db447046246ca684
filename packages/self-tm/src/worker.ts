import { Deadlines, endsWithin, hint } from '@stepping/core'
import type { Participant } from '@stepping/core'
import { ClaimedAhead } from './claimed-ahead.ts'
import { monotonicMs } from './clock.ts'
import { answeredWithin } from './deadline.ts'
import { JobRun } from './job-run.ts'
import type { JobRunParts } from './job-run.ts'
import { outside } from './outside.ts'
import { Settler } from './settler.ts'
import { Slots } from './slots.ts'
import { StoreHealth } from './store-health.ts'
import type { Claim, JobStore } from './store/job-store.ts'
import { WakeUp } from './wake-up.ts'

export interface WorkerOptions {
  readonly store: JobStore
  readonly participant: Participant
  /** This process, as rows name it. */
  readonly owner: string
  readonly concurrency: number
  readonly leaseMs: number
  readonly pollMs: number
  readonly drainMs: number
  /** To be told after each claim whether there is more than it asked for. */
  onBacklog?(isThere: boolean): void
}

/** A place for one job in this process, taken before the job is known to be committed. */
export interface Slot {
  /** Runs the job that was stored with a lease for this process by a request sent at that time. */
  run(claim: Claim, sentAtMs: number, proven: boolean): void
  free(): void
}

/** No sooner than this after a look that found a due job which it could not take. */
const shortestWaitMs = 20

/**
 * How many claimed jobs begin in one turn of the event loop: what waits for a turn, such as answers of the database and
 * requests of the app, comes in between. While a backlog was drained one turn in a hundred took 13 ms without this, and 10 with it.
 */
const perTurn = 250

/** How long steps that were told to stop may take to do so. */
const interruptMs = 1_000

/** Claims due jobs, runs as many at once as allowed, and keeps their leases alive. */
export class Worker {
  readonly #options: WorkerOptions
  readonly #runs = new Map<string, JobRun>()
  readonly #settler: Settler
  readonly #runParts: JobRunParts
  readonly #health: StoreHealth
  readonly #wakeUp = new WakeUp()
  readonly #slots: Slots
  readonly #ahead: ClaimedAhead
  /** How many jobs one claim asks for, unless they may wait for slots. In halves: while the jobs of one run, the next ones are claimed. */
  readonly #batch: number
  /**
   * Begins jobs outside of the request that added one, or that gave its slot back: their steps must not see that
   * request's transaction as open around them, or anything else that the app keeps for it.
   */
  readonly #outside = outside()
  readonly #reportedSteps = new Set<string>()
  #unknownSteps: readonly string[] = []
  #filling = false
  #closing = false
  #loop: Promise<void> = Promise.resolve()
  #heartbeat: NodeJS.Timeout | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#health = new StoreHealth(options.participant)
    this.#batch = Math.ceil(options.concurrency / 2)
    this.#slots = new Slots(options.concurrency, () => {
      if (this.#ahead.isEmpty) this.#wakeUp.wake()
      else this.#outside(() => this.#fillSoon())
    })
    this.#ahead = new ClaimedAhead(options.concurrency, (claim) => void this.#giveBack(claim, 0))
    this.#settler = new Settler({
      answerMs: options.leaseMs,
      store: options.store,
      onFailure: (error) => this.#health.failed('settle', error),
      onSuccess: () => {
        if (this.#health.answered('settle')) this.#wakeUp.wake()
      },
    })
    const { store, participant, leaseMs } = options
    const deadlines = new Deadlines()
    const onEnding = (): void => this.#slots.ending()
    const onOver = (run: JobRun): void => this.#over(run)
    const settler = this.#settler
    this.#runParts = { store, participant, leaseMs, settler, deadlines, onEnding, onOver }
  }

  get health(): { running: number; unknownSteps: readonly string[]; store: StoreHealth } {
    return { running: this.#runs.size, unknownSteps: this.#unknownSteps, store: this.#health }
  }

  start(): void {
    this.#loop = this.#poll()
    this.#heartbeat = setInterval(() => void this.#renew(), this.#options.leaseMs / 3)
  }

  /** There may be work now. */
  wake(): void {
    this.#wakeUp.wake()
  }

  /** A slot for a job that is about to be stored; undefined when all are taken. */
  reserve(): Slot | undefined {
    if (this.#slots.free <= 0) return undefined
    this.#slots.reserve(1)
    let taken = true
    return {
      free: () => {
        if (taken) this.#slots.giveBack()
        taken = false
      },
      run: (claim, sentAtMs, proven) => {
        this.#outside(() => {
          if (taken) this.#slots.unreserve(1)
          taken = false
          this.#begin(claim, sentAtMs, proven)
        })
      },
    }
  }

  /**
   * Stops claiming, lets the steps that run now end, interrupts those that take longer than
   * `drainMs`, and gives back what was not begun.
   */
  async close(): Promise<void> {
    this.#closing = true
    this.#slots.close()
    this.#ahead.close()
    for (const run of this.#runs.values()) run.drain()
    this.#wakeUp.wake()
    await endsWithin(this.#loop, this.#options.drainMs)
    const drained = await this.#allOver(this.#options.drainMs)
    if (!drained) {
      for (const run of this.#runs.values()) run.interrupt()
      await this.#allOver(interruptMs)
    }
    clearInterval(this.#heartbeat)
    await this.#settler.close()
  }

  async #poll(): Promise<void> {
    const { pollMs } = this.#options
    let backlog = false
    while (!this.#closing) {
      const limit = this.#claimable()
      let waitMs = pollMs
      // A job whose end waits to be written has to be ended first: its lease may have run out, and
      // claimed again, here or elsewhere, it would repeat a step that is done.
      if (limit > 0 && !this.#settler.isBehind) {
        try {
          const { found, nextInMs } = await this.#claim(limit, backlog)
          // Behind a backlog nobody looked ahead, so its end is followed by one more look.
          const again = backlog || found === limit
          backlog = found === limit
          this.#options.onBacklog?.(backlog)
          waitMs = again ? 0 : Math.min(pollMs, Math.max(nextInMs ?? pollMs, shortestWaitMs))
          if (backlog && this.#slots.free >= this.#batch) continue
        } catch (error) {
          this.#health.failed('claim', error)
          waitMs = this.#health.retryInMs('claim')
        }
      } else if (limit <= 0) this.#health.notNeeded('claim')
      await this.#wakeUp.wait(waitMs)
      // Runs that ended together free their slots before the next look, which then fills them all; and
      // at the close what was claimed last is given back.
      await turn()
    }
  }

  async #claim(
    limit: number,
    backlog: boolean,
  ): Promise<{ found: number; nextInMs: number | null }> {
    const { store, participant, owner, leaseMs, pollMs } = this.#options
    const sentAtMs = monotonicMs()
    const request = {
      app: participant.app,
      owner,
      leaseMs,
      limit,
      stepNames: participant.stepNames,
      // With a backlog there is nothing to wait for, and looking ahead would be wasted.
      ...(backlog ? {} : { lookAheadMs: pollMs }),
    }
    const mayWait = this.#ahead.isOpen
    const claimed = await answeredWithin(leaseMs, store.claim(request))
    this.#health.answered('claim')
    this.#ahead.pace({
      full: claimed.claims.length === limit,
      tookMs: monotonicMs() - sentAtMs,
      ended: this.#slots.ended,
    })
    this.#beginSoon(claimed.claims, sentAtMs, mayWait)
    if (claimed.unknownSteps) this.#reportUnknown(claimed.unknownSteps)
    return { found: claimed.claims.length, nextInMs: claimed.nextInMs }
  }

  /**
   * In turns of the event loop of their own, before which the next claim is sent.
   *
   * @param mayWait Whether more may have been claimed than there are slots.
   */
  #beginSoon(claims: readonly Claim[], sentAtMs: number, mayWait: boolean): void {
    if (claims.length === 0) return
    this.#slots.reserve(claims.length)
    setImmediate(() => this.#beginSome(claims, sentAtMs, mayWait))
  }

  /** As many as a turn should take, and then the others; at the close all, as nobody waits for another turn. */
  #beginSome(claims: readonly Claim[], sentAtMs: number, mayWait: boolean): void {
    const some = this.#closing ? claims : claims.slice(0, perTurn)
    const later = claims.slice(some.length)
    if (later.length > 0) setImmediate(() => this.#beginSome(later, sentAtMs, mayWait))
    this.#slots.unreserve(some.length)
    const fresh = some.filter((claim) => {
      if (!this.#runs.has(claim.gid)) return true
      // It waits for no slot: the attempt that runs here has to be told to stop.
      this.#begin(claim, sentAtMs, true)
      return false
    })
    if (mayWait && !this.#closing) {
      this.#ahead.add(fresh, sentAtMs)
      this.#fill()
      if (this.#ahead.room > 0) this.#wakeUp.wake()
      return
    }
    // The app began to close, or its own jobs took the slots, while the claim was under way.
    for (const claim of fresh) {
      if (this.#slots.free > 0) this.#begin(claim, sentAtMs, true)
      else void this.#giveBack(claim, 0)
    }
  }

  /** With those that wait for slots. */
  #fill(): void {
    while (this.#slots.free > 0) {
      const next = this.#ahead.take()
      if (!next) break
      this.#begin(...next, true)
    }
  }

  /** In a turn of its own: for all slots that became free in this one. */
  #fillSoon(): void {
    if (this.#filling) return
    this.#filling = true
    setImmediate(() => {
      this.#filling = false
      this.#fill()
      if (this.#claimable() > 0) this.#wakeUp.wake()
    })
  }

  #begin(claim: Claim, sentAtMs: number, proven: boolean): void {
    if (this.#runs.has(claim.gid)) void this.#beginAfter(claim, sentAtMs, proven)
    else this.#run(claim, sentAtMs, proven)
  }

  #run(claim: Claim, sentAtMs: number, proven: boolean): void {
    if (this.#closing) return void this.#giveBack(claim, 0)
    this.#slots.begin()
    const run = new JobRun(this.#runParts, claim, sentAtMs)
    this.#runs.set(claim.gid, run)
    run.begin(proven)
  }

  /**
   * This process slept through its own lease. Two attempts side by side in one process are avoidable:
   * the old one is told to stop, and only when it has does the new one begin. Looked at again after
   * each wait: by then the job may have been claimed, and begun, once more.
   */
  async #beginAfter(claim: Claim, sentAtMs: number, proven: boolean): Promise<void> {
    const { leaseMs } = this.#options
    for (let old = this.#runs.get(claim.gid); old; old = this.#runs.get(claim.gid)) {
      old.lost('it was claimed again')
      if (!(await endsWithin(old.over, leaseMs / 3))) return await this.#giveBack(claim, leaseMs)
    }
    this.#run(claim, sentAtMs, proven)
  }

  #over(run: JobRun): void {
    this.#runs.delete(run.gid)
    this.#slots.over(run.isEnding)
    // A finished job leaves nothing to look for but what waited for its slot; any other one may
    // become due before the next look.
    if (!run.isFinished) this.#wakeUp.wake()
  }

  /** Lets a job go that was claimed and not begun. */
  async #giveBack({ gid, token, cursor }: Claim, inMs: number): Promise<void> {
    await this.#settler.settle({ gid, token, cursor, to: 'returned', inMs })
    // A look before that was written did not find it.
    if (this.#claimable() > 0) this.#wakeUp.wake()
  }

  async #renew(): Promise<void> {
    const { store, leaseMs } = this.#options
    const runs = [...this.#runs.values()]
    if (runs.length === 0) return void this.#health.notNeeded('renew')
    const sentAtMs = monotonicMs()
    try {
      const renewed = await answeredWithin(leaseMs / 3, store.renew(runs, leaseMs))
      this.#health.answered('renew')
      for (const run of runs) {
        if (renewed.has(run.gid)) run.renewed(sentAtMs)
        else run.lost('another process holds it')
      }
    } catch (error) {
      // Each run has its own deadline and stops by itself if no renewal gets through in time.
      this.#health.failed('renew', error)
    }
  }

  /** How many jobs to claim now. */
  #claimable(): number {
    const { free } = this.#slots
    const { room } = this.#ahead
    const most = room > 0 ? this.#options.concurrency : this.#batch
    return this.#closing ? 0 : Math.min(free + room, most)
  }

  #reportUnknown(steps: readonly string[]): void {
    const { participant } = this.#options
    this.#unknownSteps = steps
    for (const step of steps) {
      if (this.#reportedSteps.has(step)) continue
      this.#reportedSteps.add(step)
      participant.report({ type: 'step.unknown', step, advice: hint(step, participant.stepNames) })
    }
  }

  async #allOver(withinMs: number): Promise<boolean> {
    return await endsWithin(Promise.all([...this.#runs.values()].map((run) => run.over)), withinMs)
  }
}

/** Lets everything happen that waits for nothing but its turn. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
