import { LateAbort, SteppingError, Waiting } from '@stepping/core'
import type { Deadlines } from '@stepping/core'
import { monotonicMs } from './clock.ts'

/** The share of a lease that its holder relies on; the rest is for slow timers and clock drift. */
const usable = 0.9

/**
 * What a process knows of its hold on a job. The store's lease counts from when the store wrote
 * it, which is after the request was sent; this deadline counts from the sending, so it ends first
 * whatever the network did in between.
 */
export class Lease extends Waiting {
  readonly #gid: string
  readonly #leaseMs: number
  readonly #deadlines: Deadlines
  readonly #stop = new LateAbort()

  /** @param deadlines Those of its process. */
  constructor(gid: string, leaseMs: number, sentAtMs: number, deadlines: Deadlines) {
    super()
    this.#gid = gid
    this.#leaseMs = leaseMs
    this.#deadlines = deadlines
    this.extend(sentAtMs)
  }

  /** Aborts when the lease is lost or the process is closing; steps get it. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Why the step has to stop, once it has to. */
  get stoppedBy(): Error | undefined {
    return this.#stop.reason
  }

  /** Asked before each step: timers come late when the process was busy or asleep. One whose deadline is over is lost then. */
  get isHeld(): boolean {
    if (!this.#stop.reason && monotonicMs() >= this.deadlineMs) this.onDeadline()
    return !this.#stop.reason
  }

  /** The store confirmed the lease by a request that was sent at this time. */
  extend(sentAtMs: number): void {
    if (this.#stop.reason) return
    const deadlineMs = Math.max(this.deadlineMs, sentAtMs + this.#leaseMs * usable)
    this.#deadlines.set(this, deadlineMs)
  }

  onDeadline(): void {
    this.lose('it could not be renewed in time')
  }

  lose(why: string): void {
    this.abort(
      new SteppingError(
        'LEASE_LOST',
        `This process lost job ${this.#gid}: ${why}. Another attempt takes over.`,
        {
          gid: this.#gid,
        },
      ),
    )
  }

  /** What comes first counts. */
  abort(reason: SteppingError): void {
    this.end()
    this.#stop.abort(reason)
  }

  end(): void {
    this.#deadlines.delete(this)
  }
}
