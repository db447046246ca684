import { endsWithin } from './ends-within.ts'
import { toError } from './event.ts'
import type { JobAdmin } from './job-admin.ts'
import type { Participant } from './transaction-manager.ts'

/** Deletes old rows now and then. Processes do not coordinate: each deletes small batches of what is left. */
export class Cleaner {
  readonly #jobs: Pick<JobAdmin, 'prune'>
  readonly #participant: Pick<Participant, 'report'>
  readonly #everyMs: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #cleaning: Promise<void> | undefined
  #hasFailed = false

  constructor(
    jobs: Pick<JobAdmin, 'prune'>,
    participant: Pick<Participant, 'report'>,
    everyMs: number,
  ) {
    this.#jobs = jobs
    this.#participant = participant
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
      this.#hasFailed = false
    } catch (error) {
      // Nothing waits for it: the next time will do. Unsaid, the tables would grow unnoticed.
      if (this.#timer && !this.#hasFailed) {
        this.#participant.report({ type: 'prune.failed', error: toError(error) })
      }
      this.#hasFailed = true
    }
    if (this.#timer) this.#schedule()
  }
}
