import { bindToTransaction, useUpGid, withGid } from './binding.ts'
import type { Binding, SendParts } from './binding.ts'
import type { AnyDatabase, Database, DbContext } from './db-context.ts'
import type { JobOptions } from './job-handle.ts'
import type { JobDraft } from './job.ts'
import { assertNotNested, insideTransaction } from './nesting.ts'
import type { TmOptions } from './transaction-manager.ts'

/** Sends a job from inside a transaction; the draft is made anew for each run of the callback. */
export interface TransactionParts extends SendParts {
  createDraft(options: JobOptions): JobDraft
  assertRegistered(database: AnyDatabase): void
}

export interface TransactionOptions<O = unknown> {
  /**
   * A gid of the caller's own, for example the id of the message that is being handled. A second
   * transaction with it is `JOB_DUPLICATE`, also if no step was added.
   */
  readonly gid?: string
  /** As in `JobOptions`. */
  readonly tm?: TmOptions
  /** The library's own options, such as the isolation level. */
  readonly database?: O
  /** Opens this transaction although one of the same database is open around it. */
  readonly independent?: boolean
}

/** What runs in the transaction: the user's callback, or `once` around it. */
export type TransactionWork<Tx, R> = (tx: Tx, job: JobDraft, context: DbContext) => Promise<R>

/** One run of the callback. */
interface Run {
  readonly job: JobDraft
  binding?: Binding
}

/**
 * Runs `work` in a transaction of `database` and ties the steps that it added to that transaction.
 * Resolves with its value once the transaction committed; the steps are then durable. Without any
 * step, and without a gid to use up, it is a plain transaction.
 */
export async function runInTransaction<Tx, R, O>(
  parts: TransactionParts,
  database: Database<Tx, DbContext, O>,
  work: TransactionWork<Tx, R>,
  options: TransactionOptions<O> & { readonly once?: boolean } = {},
): Promise<R> {
  parts.assertRegistered(database)
  assertNotNested(database, options)
  // Asked before the transaction is open, so that a missing schema costs no work and a
  // single-connection database does not wait for itself.
  const identity = await database.identity()
  await parts.tm.meet?.(database)
  let run: Run | undefined
  let isOver = false
  const attempt = async (tx: Tx): Promise<R> => {
    const context = database.context(tx)
    // The library began again: what the earlier run bound went away with its transaction, or is
    // left to query prepared.
    run?.job.abandon()
    run?.binding?.abandoned()
    const { job } = (run = { job: parts.createDraft(options) } as Run)
    const value = await work(tx, job, context)
    job.endOfCallback()
    // A lost connection can end the library's transaction while the callback goes on.
    if (isOver) return value
    if (job.isEmpty) {
      if (options.gid !== undefined)
        await useUpGid(context, { gid: job.gid, notAfter: job.notAfter, identity })
      return value
    }
    const record = await job.record({ database: { ...database.ref, identity } })
    await context.assertUsable()
    // The last statement of the transaction: a savepoint of the user's that is rolled back
    // cannot take it along.
    run.binding = await bindToTransaction(parts, record, context)
    if (isOver) run.binding.notCommitted()
    return value
  }
  let value: R
  try {
    value = await insideTransaction(database, () => database.transaction(attempt, options.database))
  } catch (error) {
    run?.job.endOfCallback()
    run?.binding?.notCommitted()
    throw run ? withGid(error, run.job.gid) : error
  } finally {
    isOver = true
  }
  await run?.binding?.committed()
  return value
}
