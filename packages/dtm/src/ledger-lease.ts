import { SteppingError } from '@stepping/core'
import type { StepCall } from '@stepping/core'
import { monotonicMs } from './clock.ts'
import type { LedgerRow, StepState, Written } from './ledger-row.ts'

/** A holder of whom nothing was seen for so long is dead. */
export const leaseMs = 15_000

/** How often a holder shows that it lives. */
export const beatMs = 5_000

/** Before others may take the step the attempt has to have stopped. */
const marginMs = 2_000

/** What a process writes to show that it is at a step, and lives: never the same twice. */
export class Holder {
  readonly #name = crypto.randomUUID()
  #beat = 0

  sign(): StepState {
    return { is: 'held', by: this.#name, beat: ++this.#beat }
  }

  holds(state: StepState): boolean {
    return state.is === 'held' && state.by === this.#name
  }
}

/**
 * A step that this process holds. No clocks are compared: others count from when they saw the last
 * beat, which is later than when it was sent, from where the holder counts.
 */
export class LedgerLease {
  readonly #row: LedgerRow
  readonly #holder: Holder
  readonly #lost = new AbortController()
  readonly #timer: NodeJS.Timeout
  #deadline: NodeJS.Timeout | undefined
  #beating: Promise<void> = Promise.resolve()

  /** @param sentMs when the row was sent that says so; monotonic. */
  constructor(row: LedgerRow, holder: Holder, sentMs: number) {
    this.#row = row
    this.#holder = holder
    this.#timer = setInterval(() => {
      this.#beating = this.#keep(this.#beating)
    }, beatMs)
    this.#holdUntil(sentMs + leaseMs - marginMs)
  }

  /** The step is no longer held: the attempt has to stop. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Resolves with whether the row says so; false: another process took the step meanwhile. */
  async end(state: StepState): Promise<boolean> {
    clearInterval(this.#timer)
    // A beat that is under way would set the deadline anew.
    await this.#beating
    clearTimeout(this.#deadline)
    const { found, written } = await this.#write(() => state)
    return written || found.is === state.is
  }

  async #keep(before: Promise<void>): Promise<void> {
    await before
    const sentMs = monotonicMs()
    try {
      const { written } = await this.#write(() => this.#holder.sign())
      if (written) this.#holdUntil(sentMs + leaseMs - marginMs)
      else this.#lose()
    } catch {
      // The database is away: the next beat will do, or the deadline comes.
    }
  }

  async #write(state: () => StepState): Promise<Written> {
    return await this.#row.write((now) => (this.#holder.holds(now) ? state() : undefined))
  }

  #holdUntil(atMs: number): void {
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#lose(), atMs - monotonicMs())
  }

  #lose(): void {
    clearInterval(this.#timer)
    this.#lost.abort(
      new SteppingError(
        'LEASE_LOST',
        'The ledger could not be written in time: another process may begin this step.',
      ),
    )
  }
}

/** The same call, whose attempt also stops when the step is lost. */
export function underLease(call: StepCall, { lost }: LedgerLease): StepCall {
  return { ...call, signal: AbortSignal.any([call.signal, lost]) }
}
