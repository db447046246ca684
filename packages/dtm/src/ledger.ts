import { idempotencyKeyOf, SteppingError } from '@stepping/core'
import type { Participant, StepCall, StepOutcome } from '@stepping/core'
import { monotonicMs, rest } from './clock.ts'
import { beatMs, Holder, LedgerLease, leaseMs, underLease } from './ledger-lease.ts'
import { LedgerRow } from './ledger-row.ts'
import type { LedgerDatabase } from './ledger-row.ts'

/**
 * No attempt was made, because another process is at the step, or one is done and only that is not
 * written: a later call finds out.
 */
export type Undecided = 'undecided'

/**
 * Which steps are done, and which process is at one, in a table of the app. DTM calls a step again
 * when a submit comes too late, when it crashed before it had noted the step, and through another
 * process while the first one is still at it. Each attempt holds the step under a lease.
 */
export class Ledger {
  readonly #database: LedgerDatabase
  readonly #participant: Participant
  /** In this process no two attempts of a step run at once, so one will do for all its steps. */
  readonly #holder = new Holder()
  /** Done, but that could not be written, or its answer was lost. */
  readonly #unwritten = new Set<string>()

  /** @throws SteppingError `OPTIONS_INVALID` */
  constructor(database: LedgerDatabase, participant: Participant) {
    const alone = database.limits.parallelTransactions
    if (alone !== undefined) {
      throw new SteppingError(
        'OPTIONS_INVALID',
        `dtm: the ledger is written while steps run, and ${database.ref.name} has one transaction at a time (${alone}). Take another database.`,
      )
    }
    this.#database = database
    this.#participant = participant
  }

  /** Makes the attempt unless the step is done, or another process is at it. Never rejects. */
  async run(call: StepCall): Promise<StepOutcome | Undecided> {
    const id = idempotencyKeyOf(call)
    const row = new LedgerRow(this.#database, this.#participant.owner, call)
    try {
      const sentMs = await this.#hold(row, call.signal)
      if (sentMs === 'done') return this.#written(id)
      if (sentMs === undefined) return 'undecided'
      const lease = new LedgerLease(row, this.#holder, sentMs)
      const done: StepOutcome = { done: true }
      const outcome = this.#unwritten.has(id)
        ? done
        : await this.#participant.runStep(underLease(call, lease))
      if (outcome.done) this.#unwritten.add(id)
      else {
        // Where it cannot be written the others see that nobody is there.
        await lease.end({ is: 'free' }).catch(() => {})
        return outcome
      }
      return (await lease.end({ is: 'done' })) ? this.#written(id) : 'undecided'
    } catch (error) {
      return call.signal.aborted ? 'undecided' : this.#unreachable(call, error)
    }
  }

  /**
   * Resolves with when the row was sent that has this process hold the step; undefined when another
   * one does, and lives. One that shows no sign of life is waited for until its lease is over.
   */
  async #hold(row: LedgerRow, signal: AbortSignal): Promise<number | 'done' | undefined> {
    let seen: { readonly text: string; readonly atMs: number } | undefined
    for (;;) {
      const sentMs = monotonicMs()
      const { found, text, written } = await row.write((now, as) => {
        if (now.is === 'done') return undefined
        const isDead = seen?.text === as && sentMs - seen.atMs >= leaseMs
        const isFree = now.is === 'free' || this.#holder.holds(now) || isDead
        return isFree ? this.#holder.sign() : undefined
      })
      if (written) return sentMs
      if (found.is === 'done') return 'done'
      if (seen && seen.text !== text) return undefined
      seen ??= { text, atMs: monotonicMs() }
      await rest(beatMs, signal)
    }
  }

  #written(id: string): StepOutcome {
    this.#unwritten.delete(id)
    return { done: true }
  }

  #unreachable({ gid, name, index, attempt }: StepCall, cause: unknown): Undecided {
    const error = new SteppingError(
      'STEP_RETRY',
      `The ledger could not be written for step ${name} of job ${gid}. It is tried again when DTM calls.`,
      { gid, cause },
    )
    const event = { gid, step: name, index, attempt, error, retryInMs: 0 }
    this.#participant.report({ type: 'step.failed', ...event })
    return 'undecided'
  }
}
