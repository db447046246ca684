import { endsWithin } from './deadline.ts'
import type { JobStore } from './store/job-store.ts'

/** Jobs that are added within this time are told of together. */
const gatherMs = 5

/** Not to be heard costs the others one look; it is not worth waiting for. */
const closeMs = 1_000

/** Tells other processes that there is work: after the commit, and once for many jobs. */
export class Notifier {
  readonly #store: JobStore
  readonly #app: string
  #again = false
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
      await new Promise((resolve) => setTimeout(resolve, gatherMs))
      this.#again = false
      try {
        await this.#store.notify!(this.#app)
      } catch {
        // The others look by themselves every few seconds.
      }
    }
    this.#telling = undefined
  }
}
