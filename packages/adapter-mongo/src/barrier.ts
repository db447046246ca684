import {
  barrierTaken,
  barrierUndecided,
  databaseChanged,
  isSteppingError,
  SteppingError,
} from '@stepping/core'
import type { Barrier, BarrierKey, DatabaseRef } from '@stepping/core'
import type { Collections } from './collections.ts'
import type { Command, Execute, Reply } from './command.ts'
import { isInvalidDocument, isTooLate, isUndecided } from './errors.ts'
import { tooLate } from './expressions.ts'
import { executeIn } from './mongo-context.ts'

type Reason = 'msg' | 'empty' | 'rollback'

/** How the barrier reaches its database. */
export interface BarrierParts {
  readonly ref: DatabaseRef
  readonly collections: Collections
  /** Runs `work` in a transaction of its own, tried once, and resolves when a majority has its commit. */
  readonly alone: (work: (execute: Execute) => Promise<Reply>) => Promise<Reply>
}

export function mongoBarrier({ ref, collections, alone }: BarrierParts): Barrier {
  return {
    async insert(context, key, as = 'msg') {
      const execute = executeIn(context)
      const { inserted, reason } = await asked(ref, key, () =>
        execute(decideBarrier(collections, key, as)),
      )
      if (inserted) return
      throw barrierTaken(key.gid, reason)
    },
    async resolve(key) {
      const question = { ...decideBarrier(collections, key, 'rollback'), maxTimeMS: 2_000 }
      const { reason } = await asked(ref, key, () => alone((execute) => execute(question))).catch(
        (error: unknown) => {
          throw isSteppingError(error) || !isUndecided(error)
            ? error
            : barrierUndecided(key.gid, error)
        },
      )
      if (reason === 'msg') return 'committed'
      // `empty`: what committed had no job, so a job of this gid is of a transaction that did not.
      if (reason === 'rollback' || reason === 'empty') return 'rolledBack'
      // A missing row must never be taken for an outcome.
      throw new Error(`the barrier of ${key.gid} answered ${JSON.stringify(reason)}`)
    },
  }
}

/**
 * Writes the row of a gid with this reason, unless there is one, and returns the one that is there
 * then. Only for transactions: outside of one it would wait for another transaction that holds the
 * gid, whatever `maxTimeMS` says.
 *
 * An insert that meets a row would abort the transaction and not say what is there. The identity is
 * written because the collection's validator compares it: what is meant for another database is
 * refused, and that aborts the transaction, as does what comes too late.
 */
function decideBarrier(
  { barrier }: Collections,
  { gid, notAfter, identity }: BarrierKey,
  reason: Reason,
): Command {
  return {
    findAndModify: barrier,
    query: { gid, branch_id: '00', op: 'msg', barrier_id: '01' },
    update: [
      {
        $set: {
          trans_type: 'msg',
          reason: tooLate(notAfter, { $ifNull: ['$reason', reason] }),
          create_time: { $ifNull: ['$create_time', '$$NOW'] },
          identity: { $literal: identity },
        },
      },
    ],
    upsert: true,
    new: true,
  }
}

async function asked(
  ref: DatabaseRef,
  { gid }: BarrierKey,
  ask: () => Promise<Reply>,
): Promise<{ inserted: boolean; reason: unknown }> {
  try {
    const { lastErrorObject, value } = (await ask()) as {
      lastErrorObject?: { updatedExisting?: boolean }
      value?: { reason?: unknown }
    }
    return { inserted: lastErrorObject?.updatedExisting === false, reason: value?.reason }
  } catch (error) {
    if (isTooLate(error)) {
      throw new SteppingError(
        'BARRIER_EXPIRED',
        `Job ${gid} began too long ago to be written or asked about now: its row may have been cleaned away. Begin again.`,
        { gid },
      )
    }
    if (!isInvalidDocument(error)) throw error
    throw databaseChanged(ref, gid)
  }
}
