import type { JobAdmin } from '@stepping/core'
import { endsWithin } from './deadline.ts'

/** Deletes old rows now and then. Processes do not coordinate: each deletes small batches of what is left. */
export class Cleaner {
  readonly #jobs: Pick<JobAdmin, 'prune'>
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  #cleaning: Promise<void> | undefined

  constructor(jobs: Pick<JobAdmin, 'prune'>, everyMs: number) {
    this.#jobs = jobs
    this.#everyMs = everyMs
    this.#schedule()
  }

  /** Waits for a cleaning that is under way: it uses databases that the app closes next. */
  async close(withinMs: number): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#cleaning) await endsWithin(this.#cleaning, withinMs)
  }

  #schedule(): void {
    // Spread, so that processes that started together do not clean together.
    const inMs = this.#everyMs * (0.5 + Math.random())
    this.#timer = setTimeout(() => {
      this.#cleaning = this.#clean()
    }, inMs)
  }

  async #clean(): Promise<void> {
    try {
      await this.#jobs.prune()
    } catch {
      // Nothing waits for it: the next time will do. The worker reports a store that is gone.
    }
    if (this.#timer) this.#schedule()
  }
}
