import { endsWithin } from '@stepping/core'
import { monotonicMs } from './clock.ts'
import type { JobStore } from './store/job-store.ts'

/** Between tries to listen again; meanwhile the worker looks by itself. */
const againMs = 2_000

/** A connection whose other end vanished does not end by itself; nothing depends on its end. */
const closeMs = 1_000

/**
 * A backlog that lasts for less is not worth a connection that is opened anew, in milliseconds. Nor is one whose claims are
 * further apart: there are few writes that listening could make dearer.
 */
const lastingMs = 200

const none = { sinceMs: -Infinity, untilMs: -Infinity }

/**
 * Hears of jobs that other processes added, and listens again when the connection is lost. With a backlog there is
 * nothing to be told of: where listening costs the store something, it stops until the backlog is gone.
 */
export class Listener {
  readonly #store: JobStore
  readonly #app: string
  readonly #onNotify: () => void
  #closed = false
  /** When the backlog was told of first, and last. */
  #backlog = none
  #resting = false
  #timer: NodeJS.Timeout | undefined
  #stop: (() => Promise<void>) | undefined
  #opening: Promise<void> = Promise.resolve()

  constructor(store: JobStore, app: string, onNotify: () => void) {
    this.#store = store
    this.#app = app
    this.#onNotify = onNotify
    this.#opening = this.#open()
  }

  /** To be told again and again while there is one. */
  backlog(isThere: boolean): void {
    if (!this.#store.listeningCosts) return
    const nowMs = monotonicMs()
    if (!isThere) {
      this.#backlog = none
      if (this.#resting) this.#resume()
      return
    }
    const goesOn = nowMs - this.#backlog.untilMs <= lastingMs
    this.#backlog = { sinceMs: goesOn ? this.#backlog.sinceMs : nowMs, untilMs: nowMs }
    if (!this.#resting && nowMs - this.#backlog.sinceMs >= lastingMs) this.#rest()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await endsWithin(this.#end(), closeMs) // also where none opens
  }

  #rest(): void {
    this.#resting = true
    clearTimeout(this.#timer)
    this.#opening = this.#end()
  }

  #resume(): void {
    this.#resting = false
    this.#opening = this.#opening.then(() => this.#open())
  }

  async #end(): Promise<void> {
    await this.#opening
    const stop = this.#stop
    this.#stop = undefined
    try {
      if (stop) await endsWithin(stop(), closeMs)
    } catch {
      // The connection is gone already.
    }
  }

  async #open(): Promise<void> {
    if (this.#isOff || this.#stop) return
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
    if (this.#isOff) return
    // A connection lost while it opens is told of twice; two tries would leave one open for ever.
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#opening = this.#opening.then(() => this.#open())
    }, againMs)
  }

  get #isOff(): boolean {
    return this.#closed || this.#resting
  }
}
