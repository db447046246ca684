import { idempotencyKeyOf, onceOwner, safeAge, SteppingError } from '@stepping/core'
import type { Database, OnceKey, Participant, StepCall, StepOutcome } from '@stepping/core'

/** Any database of the app; only what the ledger needs of it. */
export type LedgerDatabase = Database<unknown>

/** Beside the keys of the step's own uses of `once`. */
const doneKey = 'stepping:dtm:done'

/** How long a step rests that could not have its row: another process holds it, or the database is away. */
const busyMs = 1_000

/** The attempt failed: its row is not to stay. */
class NotDone extends Error {}

/**
 * Which steps are done, in a table of the app. DTM calls a step again when a submit comes too late,
 * when it crashed before it had noted the step, and through another process while the first one is
 * still at it. Each attempt runs inside a transaction that holds the step's row: a second one waits
 * for it, in whatever process, and finds the step done, or makes its own attempt.
 */
export class Ledger {
  readonly #database: LedgerDatabase
  readonly #participant: Participant
  /** Done, but the commit of its row failed, or its answer was lost. */
  readonly #unwritten = new Set<string>()

  /** @throws SteppingError `OPTIONS_INVALID` */
  constructor(database: LedgerDatabase, participant: Participant) {
    const alone = database.limits.parallelTransactions
    if (alone !== undefined) {
      throw new SteppingError(
        'OPTIONS_INVALID',
        `dtm: the ledger's transactions stay open while steps run, and ${database.ref.name} can have only one (${alone}). Take another database.`,
      )
    }
    this.#database = database
    this.#participant = participant
  }

  /** Makes the attempt unless the step is done. Never rejects. */
  async run(call: StepCall): Promise<StepOutcome> {
    const id = idempotencyKeyOf(call)
    let attempt: Promise<StepOutcome> | undefined
    try {
      await this.#database.transaction(async (tx) => {
        const stored = await this.#database.once.take(this.#database.context(tx), this.#keyOf(call))
        if (stored || this.#unwritten.has(id)) return
        attempt = this.#participant.runStep(call)
        if (!(await attempt).done) throw new NotDone()
        this.#unwritten.add(id)
      })
      this.#unwritten.delete(id)
      return { done: true }
    } catch (error) {
      // A transaction whose connection is lost is over before the step is, and as long as that one
      // runs, this process begins no other.
      const outcome = await attempt
      if (outcome?.done === false) return outcome
      if (outcome) this.#unwritten.add(id)
      return this.#busy(call, error)
    }
  }

  #keyOf({ gid, index, caller }: StepCall): OnceKey {
    const notAfter = Date.now() + safeAge.attemptWindowMs
    const owner = onceOwner(this.#participant.owner, caller)
    return { gid, index, key: doneKey, owner, notAfter }
  }

  /** No failure of the step: it was not begun, or it is done and only that is not written yet. */
  #busy({ gid, name, index, attempt }: StepCall, cause: unknown): StepOutcome {
    const error = new SteppingError(
      'STEP_RETRY',
      `The ledger could not be written for step ${name} of job ${gid}: another process holds it, or the database is away.`,
      { gid, cause },
    )
    const event = { gid, step: name, index, attempt, error, retryInMs: busyMs }
    this.#participant.report({ type: 'step.failed', ...event })
    return { done: false, error, interrupted: false, park: false, retryInMs: busyMs }
  }
}
