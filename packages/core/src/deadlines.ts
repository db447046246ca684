/** What can be waited for with a time limit: by one `Deadlines` at a time, which keeps its list in it. */
export abstract class Waiting {
  deadlineMs = 0
  previous: Waiting | undefined = undefined
  next: Waiting | undefined = undefined

  /** Its time is up. It waits no more; it may be added again. */
  abstract onDeadline(): void
}

/**
 * Time limits of what nearly always ends long before: one timer for all of them, and a list in which adding and
 * deleting is cheap. Times are those of `performance.now()`, in milliseconds.
 */
export class Deadlines {
  #first: Waiting | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the timer goes off: no later than the earliest deadline. */
  #timerAtMs = Infinity

  /** Also moves the deadline of one that waits already. */
  set(waiting: Waiting, atMs: number): void {
    if (!this.#has(waiting)) {
      waiting.next = this.#first
      if (this.#first) this.#first.previous = waiting
      this.#first = waiting
    }
    waiting.deadlineMs = atMs
    if (atMs < this.#timerAtMs) this.#setTimer(atMs)
  }

  delete(waiting: Waiting): void {
    if (!this.#has(waiting)) return
    const { previous, next } = waiting
    if (previous) previous.next = next
    else this.#first = next
    if (next) next.previous = previous
    waiting.previous = waiting.next = undefined
    // A timer that nobody waits for would keep the process.
    if (!this.#first) this.#clearTimer()
  }

  #has(waiting: Waiting): boolean {
    return waiting.previous !== undefined || this.#first === waiting
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
    const due = [...this.#all()].filter(({ deadlineMs }) => deadlineMs <= now)
    for (const waiting of due) {
      // One that was told before may have ended it, or given it more time.
      if (!this.#has(waiting) || waiting.deadlineMs > now) continue
      this.delete(waiting)
      waiting.onDeadline()
    }
    let nextAtMs = Infinity
    for (const { deadlineMs } of this.#all()) nextAtMs = Math.min(nextAtMs, deadlineMs)
    if (nextAtMs < this.#timerAtMs) this.#setTimer(nextAtMs)
  }

  *#all(): Iterable<Waiting> {
    for (let each = this.#first; each; each = each.next) yield each
  }
}

/** A timer that is set to more fires at once. */
const longestTimerMs = 2 ** 31 - 1
