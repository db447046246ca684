import type { BarrierKey, DbContext } from './db-context.ts'
import { isSteppingError, SteppingError } from './errors.ts'
import { toError } from './event.ts'
import type { SteppingEvent } from './event.ts'
import { assertCanBeAsked } from './nesting.ts'
import type { JobRecord, TransactionManager } from './transaction-manager.ts'

/** What a job needs from the engine to be sent. */
export interface SendParts {
  readonly tm: TransactionManager
  report(event: SteppingEvent): void
  /** Work that nobody awaits but that `close()` waits for. */
  inBackground(work: Promise<unknown>): void
}

/** A job that lies in an open transaction, waiting for its outcome. */
export interface Binding {
  /**
   * The library called the transaction committed. False: query prepared has to start the job.
   *
   * @throws SteppingError `TRANSACTION_ROLLED_BACK` when the database says otherwise; nothing else.
   */
  committed(): Promise<boolean>
  /** The transaction was rejected: it may have committed all the same. */
  notCommitted(): void
  /** The library gave this transaction up and runs the callback again. */
  abandoned(): void
}

/**
 * Ties a job to the context's open transaction: in one insert where the transaction manager can,
 * else by prepare and the barrier row. Everything is acknowledged before this resolves, so that
 * the COMMIT that follows cannot overtake it; but an insert without which that COMMIT fails may be sent
 * along with it.
 *
 * `onUntouched` is told before a rejection that left the transaction as it was: then, and only
 * then, it may be repeated in the same transaction.
 */
export async function bindToTransaction(
  parts: SendParts,
  job: JobRecord,
  context: DbContext,
  onUntouched?: () => void,
): Promise<Binding> {
  const { tm } = parts
  const insertBarrier = async (last = false): Promise<void> => {
    await context.database.barrier.insert(context, barrierKey(job), 'msg', last)
  }
  const enlistment = await tm.enlist?.(context, job, async () => {
    // With the job's own row in the transaction the barrier row is needed only to be asked later
    // (by hand) or to refuse the gid a second time (given by the caller). It comes first: whoever
    // commits although it was refused has no job row to run.
    if (job.byHand || job.callerGid) await insertBarrier()
  })
  if (!enlistment && job.callerGid) {
    // A gid that is used already must leave no prepared job behind: dropped later, that would be
    // taken for proof that no transaction with this gid has committed.
    await insertBarrier()
    await prepare(tm, job)
  } else if (!enlistment) {
    await prepare(tm, job, onUntouched)
    // After one by hand there may be more in the transaction: the caller's statements, another job.
    await insertBarrier(!job.byHand)
  }
  const notCommitted = (): void => {
    if (enlistment) enlistment.notCommitted()
    else parts.inBackground(decide(parts, job, context))
  }
  return {
    committed: async () => {
      const proven = context.provedCommit?.() === true
      if (!enlistment) return await submit(parts, job, proven ? undefined : context)
      enlistment.committed(proven)
      return true
    },
    notCommitted,
    abandoned: () => {
      // The next run binds the caller's gid again: deciding it now would refuse that one.
      if (enlistment || !job.callerGid) notCommitted()
    },
  }
}

/**
 * Writes, as the last statement of a transaction without steps, that its gid is used. No prepare: a
 * job prepared under this gid by a transaction that rolled back is answered "rolled back" from now on.
 */
export async function useUpGid(context: DbContext, key: BarrierKey): Promise<void> {
  await context.assertUsable()
  await context.database.barrier.insert(context, key, 'empty', true)
}

export function barrierKey(job: JobRecord): BarrierKey {
  return { gid: job.gid, notAfter: job.notAfter, identity: job.database?.identity ?? '' }
}

/** An adapter that lost the transaction, or the answer to COMMIT, does not know the job; the caller needs its gid to look. */
export function withGid(error: unknown, gid: string): unknown {
  const isLost =
    isSteppingError(error, 'TRANSACTION_OUTCOME_UNKNOWN') ||
    isSteppingError(error, 'TRANSACTION_LOST')
  if (!isLost || error.gid !== undefined) return error
  return new SteppingError(error.code, `${error.message} The job's gid is ${gid}.`, {
    gid,
    cause: error.cause,
  })
}

async function prepare(
  tm: TransactionManager,
  job: JobRecord,
  onRejected?: () => void,
): Promise<void> {
  try {
    assertCanBeAsked(tm.database)
    await tm.prepare(job)
  } catch (error) {
    onRejected?.()
    throw error
  }
}

/** Unproven, a commit may be a roll-back that the library did not notice: the barrier knows. */
async function submit(
  parts: SendParts,
  job: JobRecord,
  unproven: DbContext | undefined,
): Promise<boolean> {
  try {
    const outcome = await unproven?.database.barrier.resolve(barrierKey(job))
    if (outcome === 'rolledBack') {
      parts.inBackground(abort(parts, job))
      throw new SteppingError(
        'TRANSACTION_ROLLED_BACK',
        `The transaction of job ${job.gid} was rolled back by the server although it was reported as committed: a statement in it failed unnoticed.`,
        { gid: job.gid },
      )
    }
    await parts.tm.submit(job)
    return true
  } catch (error) {
    if (isSteppingError(error, 'TRANSACTION_ROLLED_BACK')) throw error
    const type = isSteppingError(error, 'JOB_LOST') ? 'job.lost' : 'job.submitDeferred'
    parts.report({ type, gid: job.gid, error: toError(error) })
    return false
  }
}

/**
 * After a rejection nothing is known: the reply to COMMIT may have been lost. The barrier decides,
 * and only its answer may drop the job. Best effort: the transaction manager asks by itself too.
 */
async function decide(parts: SendParts, job: JobRecord, context: DbContext): Promise<void> {
  try {
    const outcome = await context.database.barrier.resolve(barrierKey(job))
    if (outcome === 'committed') await parts.tm.submit(job)
    else await abort(parts, job)
  } catch {
    // Still open, or the database does not answer: query prepared will ask again.
  }
}

/** Only to be called after the barrier said rolled back. */
async function abort(parts: SendParts, job: JobRecord): Promise<void> {
  try {
    await parts.tm.abort?.(job)
  } catch {
    // Query prepared will get the same answer and drop it.
  }
}
