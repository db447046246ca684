import type { OpenSide } from '../side.ts'

/** Where its jobs' numbers begin. */
const from = 1_000_000

const tickMs = 10

/** Adds so many jobs a second until it is stopped, however long each takes. */
export class Background {
  readonly #adding: Promise<void>[] = []
  readonly #timer: NodeJS.Timeout

  constructor(open: OpenSide, perSecond: number) {
    const begun = performance.now()
    this.#timer = setInterval(() => {
      const due = ((performance.now() - begun) / 1_000) * perSecond
      while (this.#adding.length < due) this.#adding.push(open.enqueue(from + this.#adding.length))
    }, tickMs)
  }

  /** Resolves with the numbers of the jobs it has added. */
  async stop(): Promise<readonly number[]> {
    clearInterval(this.#timer)
    await Promise.all(this.#adding)
    return this.#adding.map((_, n) => from + n)
  }
}
