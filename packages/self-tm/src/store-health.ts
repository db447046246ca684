import { describeError, toError } from '@stepping/core'
import type { Participant } from '@stepping/core'
import { monotonicMs } from './clock.ts'

/** Whether the store answers, told once when it stops to and once when it does again. */
export class StoreHealth {
  readonly #participant: Participant
  #answeredAtMs: number | null = null
  #failedAtMs: number | null = null
  #failures = 0
  #error: string | null = null

  constructor(participant: Participant) {
    this.#participant = participant
  }

  get error(): string | null {
    return this.#error
  }

  get answeredAgoMs(): number | null {
    return this.#answeredAtMs === null ? null : monotonicMs() - this.#answeredAtMs
  }

  /** How long to wait before the next try: soon at first, at most two seconds, so that a store that is back is noticed. */
  get retryInMs(): number {
    return Math.min(2_000, 100 * 2 ** Math.min(this.#failures, 10))
  }

  answered(): void {
    const failedAt = this.#failedAtMs
    this.#answeredAtMs = monotonicMs()
    this.#failedAtMs = null
    this.#failures = 0
    this.#error = null
    if (failedAt === null) return
    this.#participant.report({ type: 'store.recovered', afterMs: this.#answeredAtMs - failedAt })
  }

  failed(thrown: unknown): void {
    this.#failures++
    this.#error = describeError(thrown)
    if (this.#failedAtMs !== null) return
    this.#failedAtMs = monotonicMs()
    this.#participant.report({ type: 'store.failed', error: toError(thrown) })
  }
}
