import { endsWithin } from '@stepping/core'
import { monotonicMs } from './clock.ts'
import type { JobStore } from './store/job-store.ts'

/** A job is told of at once; those that are added within this time after that, together. */
const gatherMs = 5

/** Not to be heard costs the others one look; it is not worth waiting for. */
const closeMs = 1_000

/** Tells other processes that there is work: after the commit, and once for many jobs. */
export class Notifier {
  readonly #store: JobStore
  readonly #app: string
  #again = false
  #toldAtMs = -Infinity
  #telling: Promise<void> | undefined

  constructor(store: JobStore, app: string) {
    this.#store = store
    this.#app = app
  }

  tell(): void {
    if (!this.#store.notify) return
    this.#again = true
    this.#telling ??= this.#tell()
  }

  async close(): Promise<void> {
    if (this.#telling) await endsWithin(this.#telling, closeMs)
  }

  async #tell(): Promise<void> {
    while (this.#again) {
      const waitMs = this.#toldAtMs + gatherMs - monotonicMs()
      // Jobs of one turn of the event loop are told of together in any case.
      await new Promise((resolve) =>
        waitMs > 0 ? setTimeout(resolve, waitMs) : setImmediate(resolve),
      )
      this.#again = false
      try {
        await this.#store.notify!(this.#app)
      } catch {
        // The others look by themselves every few seconds.
      }
      this.#toldAtMs = monotonicMs()
    }
    this.#telling = undefined
  }
}
