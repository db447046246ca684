import { SteppingError } from '@stepping/core'
import type { OnceKey, OnceRows } from '@stepping/core'
import type { Collections } from './collections.ts'
import type { Command } from './command.ts'
import { isTooLate } from './errors.ts'
import { tooLate } from './expressions.ts'
import { executeIn } from './mongo-context.ts'

/**
 * Where another attempt holds the key in an open transaction the server answers with a write
 * conflict, and the driver runs the callback again until that one is over.
 */
export function mongoOnce(collections: Collections): OnceRows {
  return {
    async take(context, key) {
      const execute = executeIn(context)
      try {
        const { lastErrorObject, value } = (await execute(takeOnce(collections, key))) as {
          lastErrorObject?: { updatedExisting?: boolean }
          value?: { value?: string }
        }
        return lastErrorObject?.updatedExisting === false
          ? undefined
          : { value: value?.value ?? null }
      } catch (error) {
        if (!isTooLate(error)) throw error
        throw new SteppingError(
          'ONCE_EXPIRED',
          `This attempt of step ${key.index + 1} of job ${key.gid} began too long ago to be written now. Begin again.`,
          { gid: key.gid },
        )
      }
    },
    async store(context, key, value) {
      const { once } = collections
      const update = { $set: { value } }
      await executeIn(context)({ findAndModify: once, query: rowOf(key), update })
    },
    async replace(context, key, was, value) {
      const query = { ...rowOf(key), value: was }
      const update = { $set: { value } }
      const { value: found } = await executeIn(context)({
        findAndModify: collections.once,
        query,
        update,
      })
      return found !== null
    },
  }
}

function takeOnce({ once }: Collections, key: OnceKey): Command {
  const taken = { $ifNull: ['$created_at', '$$NOW'] }
  return {
    findAndModify: once,
    query: rowOf(key),
    update: [{ $set: { created_at: tooLate(key.notAfter, taken) } }],
    upsert: true,
    new: true,
  }
}

function rowOf({ gid, index, key, owner }: OnceKey): object {
  return { gid, step: index, key, owner }
}
