import { describeError, toError } from '@stepping/core'
import type { Participant } from '@stepping/core'
import { monotonicMs } from './clock.ts'

/** What the worker asks the store for again and again. One kind may fail while the others work. */
export type StoreCall = 'claim' | 'renew' | 'settle'

/** Whether the store answers, told once when a kind of call stops to and once when all do again. */
export class StoreHealth {
  readonly #participant: Participant
  /** The calls that failed last time; what failed most recently stands last. */
  readonly #failing = new Map<StoreCall, { readonly error: string; readonly times: number }>()
  #answeredAtMs: number | null = null
  #failedAtMs = 0

  constructor(participant: Participant) {
    this.#participant = participant
  }

  get error(): string | null {
    return [...this.#failing.values()].at(-1)?.error ?? null
  }

  get answeredAgoMs(): number | null {
    return this.#answeredAtMs === null ? null : monotonicMs() - this.#answeredAtMs
  }

  /** How long to wait before the next try: soon at first, at most two seconds, so that a store that is back is noticed. */
  retryInMs(call: StoreCall): number {
    const { times } = this.#failing.get(call) ?? { times: 0 }
    return Math.min(2_000, 100 * 2 ** Math.min(times, 10))
  }

  /** @returns whether it was this kind of call that had failed. */
  answered(call: StoreCall): boolean {
    this.#answeredAtMs = monotonicMs()
    return this.notNeeded(call)
  }

  /** There is nothing to call for: a failure that nobody repeats must not stand for ever. */
  notNeeded(call: StoreCall): boolean {
    const hadFailed = this.#failing.delete(call)
    if (hadFailed && this.#failing.size === 0) {
      const afterMs = monotonicMs() - this.#failedAtMs
      this.#participant.report({ type: 'store.recovered', afterMs })
    }
    return hadFailed
  }

  failed(call: StoreCall, thrown: unknown): void {
    const isFirst = this.#failing.size === 0
    const { times } = this.#failing.get(call) ?? { times: 0 }
    this.#failing.delete(call)
    this.#failing.set(call, { error: describeError(thrown), times: times + 1 })
    if (!isFirst) return
    this.#failedAtMs = monotonicMs()
    this.#participant.report({ type: 'store.failed', error: toError(thrown) })
  }
}
