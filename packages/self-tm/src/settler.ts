import { monotonicMs } from './clock.ts'
import { answeredWithin } from './deadline.ts'
import type { JobStore, Settlement, SettleResult } from './store/job-store.ts'

export interface Settled {
  /**
   * `refused`: the store takes this very ending never, for the reason that is given. `unwritten`: until the close no
   * answer said that it was written; it may have been.
   */
  readonly result: SettleResult | 'refused' | 'unwritten'
  readonly reason?: unknown
  /**
   * When it was sent first, on the monotonic clock. Sent again because the answer was lost, it may
   * have been written by the first sending, and its lease is no younger than that.
   */
  readonly sentAtMs: number
}

/** Who is told what became of an ending. */
export interface Holder {
  /** Called once. Never throws. */
  settled(settlement: Settlement, settled: Settled): void
}

interface Unsettled {
  readonly settlement: Settlement
  readonly holder: Holder
  sentAtMs: number | undefined
  isTold: boolean
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
 * them all. Each holder is told when its own is durable. What the store cannot take now is sent
 * again until it can, or until `close`: an ending that is not written means a step done twice.
 */
export class Settler {
  readonly #parts: SettlerParts
  #waiting: Unsettled[] = []
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

  /** The holder is told when the ending is durable or refused, or at `close`. */
  write(settlement: Settlement, holder: Holder): void {
    this.#waiting.push({ settlement, holder, sentAtMs: undefined, isTold: false })
    this.#flushing ??= this.#flush()
  }

  /** The same, for who waits. */
  settle(settlement: Settlement): Promise<Settled> {
    return new Promise((resolve) => {
      this.write(settlement, { settled: (_settlement, settled) => resolve(settled) })
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
        // Of a batch that was written singly some were told.
        const untold = batch.filter(({ isTold }) => !isTold)
        if (this.#closed.signal.aborted) for (const each of untold) tell(each, 'unwritten', error)
        else this.#waiting.unshift(...untold)
        await this.#pause(Math.min(1_000, 50 * 2 ** this.#failures++))
      }
    }
    this.#flushing = undefined
  }

  /** At most one ending of each job, because the store answers by gid. */
  #takeBatch(): Unsettled[] {
    const batch = new Map<string, Unsettled>()
    const later: Unsettled[] = []
    for (const each of this.#waiting) {
      const { gid } = each.settlement
      if (batch.size < maxBatch && !batch.has(gid)) batch.set(gid, each)
      else later.push(each)
    }
    this.#waiting = later
    return [...batch.values()]
  }

  /** Rejects when the batch has to be sent again. */
  async #write(batch: readonly Unsettled[]): Promise<void> {
    const { store } = this.#parts
    for (const each of batch) each.sentAtMs ??= monotonicMs()
    let results
    try {
      const settlements = batch.map(({ settlement }) => settlement)
      results = await answeredWithin(this.#parts.answerMs, store.settle(settlements))
    } catch (error) {
      if (!store.isRefusal?.(error)) throw error
      this.#failures = 0
      if (batch.length === 1) return tell(batch[0]!, 'refused', error)
      // One row that the store refuses fails its whole batch: written singly, only that one fails.
      for (const each of batch) await this.#write([each])
      return
    }
    this.#failures = 0
    this.#parts.onSuccess()
    for (const each of batch) tell(each, results.get(each.settlement.gid) ?? 'lost')
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

function tell(each: Unsettled, result: Settled['result'], reason?: unknown): void {
  each.isTold = true
  each.holder.settled(each.settlement, { result, reason, sentAtMs: each.sentAtMs! })
}
