import { barrierRetentionMs, onceRetentionMs } from '@stepping/core'
import type { PrunableBarrierRow, PrunableRows } from '@stepping/core'
import type { Collections } from './collections.ts'
import { durable } from './command.ts'
import type { Execute } from './command.ts'
import { before } from './expressions.ts'
import { batchOf } from './migration.ts'

interface Id {
  readonly _id: unknown
}

/** The rows of barrier and once, as `pruneRows` cleans them. */
export function prunableRows({ barrier, once }: Collections, run: Execute): PrunableRows {
  const remove = async (collection: string, q: object): Promise<number> => {
    const deletes = [{ q, limit: 0 }]
    return Number((await run({ delete: collection, deletes, writeConcern: durable }))['n'])
  }
  async function select<Row>(collection: string, pipeline: readonly object[]): Promise<Row[]> {
    const cursor = { batchSize: 10_000 }
    return batchOf(await run({ aggregate: collection, pipeline, cursor })) as unknown as Row[]
  }

  return {
    /** By _id, which grows with the time of insertion. Rows of DTM's clients have no time, and stay. */
    async listBarrier(after, limit) {
      const own = { op: 'msg', barrier_id: '01', create_time: { $exists: true } }
      const rows = await select<Omit<PrunableBarrierRow, 'id'> & Id>(barrier, [
        { $match: after === undefined ? own : { ...own, _id: { $gt: after } } },
        { $sort: { _id: 1 } },
        { $limit: limit },
        {
          $project: {
            gid: 1,
            reason: 1,
            old: { $lt: ['$create_time', before(barrierRetentionMs)] },
          },
        },
      ])
      return rows.map(({ _id, ...row }) => ({ id: _id, ...row }))
    },
    deleteBarrier: (ids) => remove(barrier, { _id: { $in: ids } }),
    async listOnce(owner, afterGid, limit) {
      const rows = await select<{ _id: string }>(once, [
        { $match: { gid: { $gt: afterGid }, owner, over_at: { $exists: false } } },
        { $group: { _id: '$gid' } },
        { $sort: { _id: 1 } },
        { $limit: limit },
      ])
      return rows.map(({ _id }) => _id)
    },
    async markOnceOver(owner, gids) {
      const q = { gid: { $in: gids }, owner, over_at: { $exists: false } }
      const updates = [{ q, u: [{ $set: { over_at: '$$NOW' } }], multi: true }]
      await run({ update: once, updates, writeConcern: durable })
    },
    async deleteOnceOver(limit) {
      const old = {
        $expr: { $lt: ['$over_at', before(onceRetentionMs)] },
        over_at: { $exists: true },
      }
      const rows = await select<Id>(once, [
        { $match: old },
        { $limit: limit },
        { $project: { _id: 1 } },
      ])
      return rows.length === 0
        ? 0
        : await remove(once, { _id: { $in: rows.map(({ _id }) => _id) } })
    },
  }
}
