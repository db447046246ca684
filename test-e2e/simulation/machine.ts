import type { Happening, Scheduler } from './scheduler.ts'

/** When all schedules begin, in epoch milliseconds. */
export const epochMs = Date.UTC(2026, 0, 1)

export interface Clocks {
  /** How fast its clock runs: 1 is right. */
  readonly rate: number
  /** What its monotonic clock shows at the beginning. */
  readonly monotonicMs: number
  /** How far its wall clock is ahead. */
  readonly skewMs: number
}

/** A process of the app, on a machine with clocks of its own. */
export class Machine {
  readonly name: string
  isAlive = true
  frozenUntilMs = 0
  wasFrozen = false
  readonly #scheduler: Scheduler
  readonly #clocks: Clocks

  constructor(name: string, scheduler: Scheduler, clocks: Clocks) {
    this.name = name
    this.#scheduler = scheduler
    this.#clocks = clocks
  }

  get isFrozen(): boolean {
    return this.frozenUntilMs > this.#scheduler.nowMs
  }

  get monotonicMs(): number {
    return this.#clocks.monotonicMs + this.#scheduler.nowMs * this.#clocks.rate
  }

  get wallClockMs(): number {
    return Math.floor(epochMs + this.#scheduler.nowMs + this.#clocks.skewMs)
  }

  /** By its own clock. */
  after(ms: number, run: () => void): Happening {
    return this.#scheduler.after(ms / this.#clocks.rate, run, this)
  }

  /** Something reaches it from outside. */
  receive(afterMs: number, run: () => void): void {
    this.#scheduler.after(afterMs, run, this)
  }

  /** Its code stands still; what was due meanwhile happens when it goes on, in the old order. */
  freeze(ms: number): void {
    this.wasFrozen = true
    this.frozenUntilMs = Math.max(this.frozenUntilMs, this.#scheduler.nowMs + ms)
  }

  /** Nothing of it ever runs again. */
  die(): void {
    this.isAlive = false
  }
}
