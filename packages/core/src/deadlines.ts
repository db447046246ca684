/** What can be waited for with a time limit. */
export interface Waiting {
  /** Its time is up. It waits no more; it may be added again. */
  onDeadline(): void
}

/**
 * Time limits of what nearly always ends long before: one timer for all of them. Times are those of
 * `performance.now()`, in milliseconds.
 */
export class Deadlines {
  readonly #deadlines = new Map<Waiting, number>()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the timer goes off: no later than the earliest deadline. */
  #timerAtMs = Infinity

  /** Also moves the deadline of one that waits already. */
  set(waiting: Waiting, atMs: number): void {
    this.#deadlines.set(waiting, atMs)
    if (atMs < this.#timerAtMs) this.#setTimer(atMs)
  }

  delete(waiting: Waiting): void {
    this.#deadlines.delete(waiting)
    // A timer that nobody waits for would keep the process.
    if (this.#deadlines.size === 0) this.#clearTimer()
  }

  #setTimer(atMs: number): void {
    this.#clearTimer()
    this.#timerAtMs = atMs
    const inMs = Math.min(Math.max(0, atMs - performance.now()), longestTimerMs)
    this.#timer = setTimeout(() => this.#look(), inMs)
  }

  #clearTimer(): void {
    clearTimeout(this.#timer)
    this.#timerAtMs = Infinity
  }

  #look(): void {
    this.#timerAtMs = Infinity
    const now = performance.now()
    let nextAtMs = Infinity
    for (const [waiting, atMs] of this.#deadlines) {
      if (atMs > now) {
        nextAtMs = Math.min(nextAtMs, atMs)
      } else {
        this.#deadlines.delete(waiting)
        waiting.onDeadline()
      }
    }
    if (nextAtMs < this.#timerAtMs) this.#setTimer(nextAtMs)
  }
}

/** A timer that is set to more fires at once. */
const longestTimerMs = 2 ** 31 - 1
