import { monotonicMs } from './clock.ts'
import { answeredWithin } from './deadline.ts'
import type { JobStore, Settlement, SettleResult } from './store/job-store.ts'

export interface Settled {
  /** `refused`: the store takes this very ending never, for the reason that is given. */
  readonly result: SettleResult | 'refused'
  readonly reason?: unknown
  /**
   * When it was sent first, on the monotonic clock. Sent again because the answer was lost, it may
   * have been written by the first sending, and its lease is no younger than that.
   */
  readonly sentAtMs: number
}

interface Waiting {
  readonly settlement: Settlement
  sentAtMs?: number
  resolve(settled: Settled): void
  reject(error: unknown): void
}

export interface SettlerParts {
  readonly store: Pick<JobStore, 'settle' | 'isRefusal'>
  /** After this long without an answer a batch is sent again, in milliseconds. */
  readonly answerMs: number
  onFailure(error: unknown): void
  onSuccess(): void
}

/** The most endings that one statement writes. */
const maxBatch = 500

/**
 * Group commit: while one statement writes, further endings gather, and the next statement writes
 * them all. Each caller waits until its own is durable. What the store cannot take now is sent
 * again until it can, or until `close`: an ending that is not written means a step done twice.
 */
export class Settler {
  readonly #parts: SettlerParts
  #waiting: Waiting[] = []
  #flushing: Promise<void> | undefined
  #failures = 0
  readonly #closed = new AbortController()

  constructor(parts: SettlerParts) {
    this.#parts = parts
  }

  /** Endings wait because the store could not take them. */
  get isBehind(): boolean {
    return this.#failures > 0
  }

  /** Resolves when the ending is durable or refused; rejects at `close`. */
  settle(settlement: Settlement): Promise<Settled> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ settlement, resolve, reject })
      this.#flushing ??= this.#flush()
    })
  }

  /** Gives up what cannot be written any more; what is under way ends first. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#flushing
  }

  async #flush(): Promise<void> {
    // A turn of the event loop, so that endings of the same moment share the first statement.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch()
      try {
        await this.#write(batch)
      } catch (error) {
        this.#parts.onFailure(error)
        if (this.#closed.signal.aborted) for (const each of batch) each.reject(error)
        else this.#waiting.unshift(...batch)
        await this.#pause(Math.min(1_000, 50 * 2 ** this.#failures++))
      }
    }
    this.#flushing = undefined
  }

  /** At most one ending of each job, because the store answers by gid. */
  #takeBatch(): Waiting[] {
    const batch = new Map<string, Waiting>()
    const later: Waiting[] = []
    for (const each of this.#waiting) {
      const { gid } = each.settlement
      if (batch.size < maxBatch && !batch.has(gid)) batch.set(gid, each)
      else later.push(each)
    }
    this.#waiting = later
    return [...batch.values()]
  }

  /** Rejects when the batch has to be sent again. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    const { store } = this.#parts
    for (const each of batch) each.sentAtMs ??= monotonicMs()
    let results
    try {
      const settlements = batch.map(({ settlement }) => settlement)
      results = await answeredWithin(this.#parts.answerMs, store.settle(settlements))
    } catch (error) {
      if (!store.isRefusal?.(error)) throw error
      this.#failures = 0
      if (batch.length === 1) {
        const [each] = batch
        return each!.resolve({ result: 'refused', reason: error, sentAtMs: each!.sentAtMs! })
      }
      // One row that the store refuses fails its whole batch: written singly, only that one fails.
      for (const each of batch) await this.#write([each])
      return
    }
    this.#failures = 0
    this.#parts.onSuccess()
    for (const each of batch) {
      const result = results.get(each.settlement.gid) ?? 'lost'
      each.resolve({ result, sentAtMs: each.sentAtMs! })
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closed
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms)
      function done(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done)
    })
  }
}
