import { endsWithin } from '@stepping/core'
import type { JobStore } from './store/job-store.ts'

/** Between tries to listen again; meanwhile the worker looks by itself. */
const againMs = 2_000

/** A connection whose other end vanished does not end by itself; nothing depends on its end. */
const closeMs = 1_000

/** Hears of jobs that other processes added, and listens again when the connection is lost. */
export class Listener {
  readonly #store: JobStore
  readonly #app: string
  readonly #onNotify: () => void
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #stop: (() => Promise<void>) | undefined
  #opening: Promise<void> = Promise.resolve()

  constructor(store: JobStore, app: string, onNotify: () => void) {
    this.#store = store
    this.#app = app
    this.#onNotify = onNotify
    this.#opening = this.#open()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await endsWithin(this.#end(), closeMs)
  }

  async #end(): Promise<void> {
    await this.#opening
    await this.#stop?.().catch(() => {}) // the connection is gone already
  }

  async #open(): Promise<void> {
    if (this.#closed) return
    try {
      this.#stop = await this.#store.listen?.(this.#app, this.#onNotify, () => this.#later())
      // What was added between the last look and now was not heard.
      this.#onNotify()
    } catch {
      this.#later()
    }
  }

  #later(): void {
    this.#stop = undefined
    if (this.#closed) return
    // A connection lost while it opens is told of twice; two tries would leave one open for ever.
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#opening = this.#open()
    }, againMs)
  }
}
