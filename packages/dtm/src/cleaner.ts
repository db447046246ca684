import type { JobAdmin } from '@stepping/core'

/** Deletes old rows now and then. Processes do not coordinate: each deletes small batches of what is left. */
export class Cleaner {
  readonly #jobs: Pick<JobAdmin, 'prune'>
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(jobs: Pick<JobAdmin, 'prune'>, everyMs: number) {
    this.#jobs = jobs
    this.#everyMs = everyMs
    this.#schedule()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    // Spread, so that processes that started together do not clean together.
    const inMs = this.#everyMs * (0.5 + Math.random())
    this.#timer = setTimeout(() => void this.#clean(), inMs)
  }

  async #clean(): Promise<void> {
    try {
      await this.#jobs.prune()
    } catch {
      // Nothing waits for it: the next time will do.
    }
    if (this.#timer) this.#schedule()
  }
}
