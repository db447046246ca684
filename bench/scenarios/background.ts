import type { OpenSide } from '../side.ts'

/** Where its jobs' numbers begin. */
const from = 1_000_000

const tickMs = 10

/** Who cannot keep up gets no more than this at once. */
const mostAtOnce = 50

/** Adds so many jobs a second until it is stopped, whether or not the ones before are answered. */
export class Background {
  readonly #adding: Promise<void>[] = []
  #unanswered = 0
  readonly #timer: NodeJS.Timeout

  constructor(open: OpenSide, perSecond: number) {
    const begun = performance.now()
    this.#timer = setInterval(() => {
      const due = ((performance.now() - begun) / 1_000) * perSecond
      while (this.#adding.length < due && this.#unanswered < mostAtOnce) this.#add(open)
    }, tickMs)
  }

  #add(open: OpenSide): void {
    this.#unanswered++
    const adding = open.enqueue(from + this.#adding.length)
    this.#adding.push(adding.finally(() => this.#unanswered--))
  }

  /** Resolves with the numbers of the jobs it has added. */
  async stop(): Promise<readonly number[]> {
    clearInterval(this.#timer)
    await Promise.all(this.#adding)
    return this.#adding.map((_, n) => from + n)
  }
}
