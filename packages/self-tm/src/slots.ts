/**
 * Places for the jobs that run at once in a process. A job that is over but for the writing of that takes none, so that
 * the next ones are claimed meanwhile; at most as many as there are slots may wait for it.
 */
export class Slots {
  readonly #count: number
  readonly #onFree: () => void
  #reserved = 0
  #running = 0
  /** Of those that run. */
  #ending = 0
  #ended = 0
  #closed = false

  /** @param onFree Told when all were taken and one is free: there may be a job that waited for it. */
  constructor(count: number, onFree: () => void) {
    this.#count = count
    this.#onFree = onFree
  }

  /** Negative while more are reserved than there are. None once closed. */
  get free(): number {
    if (this.#closed) return 0
    return this.#count - (this.#running - Math.min(this.#ending, this.#count)) - this.#reserved
  }

  /** How many jobs have given theirs back so far. */
  get ended(): number {
    return this.#ended
  }

  reserve(count: number): void {
    this.#reserved += count
  }

  /** For a job that begins now, and so frees nothing. */
  unreserve(count: number): void {
    this.#reserved -= count
  }

  /** A reserved one is not needed after all. */
  giveBack(): void {
    this.#freeing(() => this.#reserved--)
  }

  begin(): void {
    this.#running++
  }

  /** Of a job that runs only its last ending has to be written. */
  ending(): void {
    this.#freeing(() => {
      this.#ended++
      this.#ending++
    })
  }

  /** @param wasEnding Whether `ending` was said of it. */
  over(wasEnding: boolean): void {
    this.#freeing(() => {
      if (wasEnding) this.#ending--
      else this.#ended++
      this.#running--
    })
  }

  close(): void {
    this.#closed = true
  }

  #freeing(free: () => void): void {
    const wasFull = this.free <= 0
    free()
    if (wasFull && this.free > 0) this.#onFree()
  }
}
