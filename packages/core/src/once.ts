import type { Database } from './db-context.ts'
import { SteppingError } from './errors.ts'
import type { JobSteps } from './job.ts'
import { assertDatabase, assertWork } from './given.ts'
import { encodeJson } from './json.ts'
import { describeRef } from './nesting.ts'
import { safeAge } from './safe-age.ts'
import type { OnceResult } from './step.ts'
import type { StepCall } from './transaction-manager.ts'
import { runInTransaction } from './transaction.ts'
import type { TransactionParts, TransactionWork } from './transaction.ts'

/**
 * The `once` of one attempt, and what becomes of it when that attempt ends.
 *
 * The key is (gid, step, key), the same in every attempt, so a zombie of an earlier attempt and its
 * successor meet at one row: one of them waits, and finds it taken.
 */
export class AttemptOnce {
  readonly #parts: TransactionParts
  readonly #call: StepCall
  readonly #owner: string
  readonly #notAfter: number
  readonly #used = new Set<string>()
  readonly #open = new Set<Promise<unknown>>()
  #isOver = false

  /** @param begunAt When the attempt began, in milliseconds since 1970. */
  constructor(parts: TransactionParts, call: StepCall, owner: string, begunAt: number) {
    this.#parts = parts
    this.#call = call
    this.#owner = owner
    this.#notAfter = begunAt + safeAge.attemptWindowMs
  }

  /** What a step has as `once`. */
  use<Tx, R>(
    database: Database<Tx>,
    work: (tx: Tx, job: JobSteps) => Promise<R>,
    { key = '' }: { readonly key?: string } = {},
  ): Promise<OnceResult<R>> {
    // Nothing hangs on the result itself: a rejection that nobody sees must stay unhandled.
    const result = this.#use(database, work, key).finally(() => this.#open.delete(result))
    this.#open.add(result)
    return result
  }

  /**
   * To be called when `run` is over; from then on `once` is refused.
   *
   * @returns undefined, or where something was left open a promise to wait for, so that this attempt
   * does not overlap with the next one. It resolves with the error that the last of it ended with.
   */
  end(): Promise<{ readonly error?: unknown }> | undefined {
    if (this.#open.size > 0) return allOver(this.#open).finally(() => (this.#isOver = true))
    this.#isOver = true
    return undefined
  }

  async #use<Tx, R>(
    database: Database<Tx>,
    work: (tx: Tx, job: JobSteps) => Promise<R>,
    key: string,
  ): Promise<OnceResult<R>> {
    const [call, used] = [this.#call, this.#used]
    if (this.#isOver) throw onceNotAwaited(call, 'used once after its run was over')
    assertDatabase('once', database)
    assertWork('once', work)
    const place = `${describeRef(database.ref)} ${key}`
    if (used.has(place)) {
      throw new SteppingError(
        'ONCE_KEY_REUSED',
        `Step ${call.name} uses once on ${describeRef(database.ref)} a second time with the same key. Give each use its own: once(database, work, { key: 'reserve' }).`,
        { gid: call.gid },
      )
    }
    used.add(place)
    const [owner, notAfter] = [this.#owner, this.#notAfter]
    const row = { gid: call.gid, index: call.index, key, owner, notAfter }
    try {
      const attempt: TransactionWork<Tx, OnceResult<R>> = async (tx, job, context) => {
        const stored = await database.once.take(context, row)
        if (stored) return { ran: false, value: decode<R>(stored.value) }
        const value = await work(tx, job)
        if (value !== undefined) {
          const json = encodeJson(value, `What once returns in step ${call.name}`)
          await database.once.store(context, row, json)
        }
        return { ran: true, value }
      }
      return await runInTransaction(this.#parts, database, attempt, { once: true })
    } catch (error) {
      // The step may try it again. If it committed all the same, the row is found.
      used.delete(place)
      throw error
    }
  }
}

/** What follows on one may open another. */
async function allOver(open: ReadonlySet<Promise<unknown>>): Promise<{ readonly error?: unknown }> {
  let error: unknown
  while (open.size > 0) {
    for (const each of await Promise.allSettled(open)) {
      if (each.status === 'rejected') error = each.reason
    }
  }
  return error === undefined ? {} : { error }
}

/** A crash before such a `once` committed would have lost the effect of a step that is done. */
export function onceNotAwaited(call: StepCall, what: string, cause?: unknown): SteppingError {
  return new SteppingError(
    'ONCE_NOT_AWAITED',
    `Step ${call.name} of job ${call.gid} ${what}. Its effect must be there before the step is done: write \`await once(...)\`.`,
    { gid: call.gid, ...(cause !== undefined && { cause }) },
  )
}

function decode<R>(value: string | null): R {
  return (value === null ? undefined : JSON.parse(value)) as R
}
