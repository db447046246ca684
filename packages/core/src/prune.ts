import type { PruneOptions } from './db-context.ts'

const batch = 500

/** The rows that an adapter's `prune` cleans; `Id` is whatever orders barrier rows by their insertion. */
export interface PrunableRows<Id = unknown> {
  /** Barrier rows after the id, oldest first, and whether each is old enough to go. */
  listBarrier(after: Id | undefined, limit: number): Promise<readonly PrunableBarrierRow<Id>[]>
  /** Resolves with how many it deleted. */
  deleteBarrier(ids: readonly Id[]): Promise<number>
  /** Gids after this one, in their order, with `once` rows of this owner whose job is not known to be over. */
  listOnce(owner: string, afterGid: string, limit: number): Promise<readonly string[]>
  markOnceOver(owner: string, gids: readonly string[]): Promise<void>
  /** Deletes that many of the `once` rows whose window is over; resolves with how many. */
  deleteOnceOver(limit: number): Promise<number>
}

export interface PrunableBarrierRow<Id = unknown> {
  readonly id: Id
  readonly gid: string
  readonly reason: string
  readonly old: boolean
}

/** Deletes barrier and `once` rows past their safe age, in small batches. */
export async function pruneRows<Id>(
  rows: PrunableRows<Id>,
  options: PruneOptions,
): Promise<number> {
  await markOnceOver(rows, options)
  return (await pruneBarrier(rows, options)) + (await pruneOnce(rows))
}

async function pruneBarrier<Id>(rows: PrunableRows<Id>, options: PruneOptions): Promise<number> {
  let deleted = 0
  for (let after: Id | undefined; ;) {
    const found = await rows.listBarrier(after, batch)
    const old = found.filter((row) => row.old)
    // A commit never by age alone: without its row, a job that is still asked about would be
    // answered "rolled back". The others are answered so, and would be again.
    const over = await options.over(old.map((row) => row.gid))
    const ids = old
      .filter(({ reason, gid }) => reason === 'rollback' || reason === 'empty' || over.has(gid))
      .map((row) => row.id)
    if (ids.length > 0) deleted += await rows.deleteBarrier(ids)
    if (found.length < batch || old.length === 0) return deleted
    after = found.at(-1)!.id
  }
}

/** From the moment a job is seen to be over, no attempt begins; the last one's window starts to run out. */
async function markOnceOver(rows: PrunableRows, options: PruneOptions): Promise<void> {
  for (const owner of options.owners) await markOver(rows, owner, options)
}

async function markOver(rows: PrunableRows, owner: string, options: PruneOptions): Promise<void> {
  for (let afterGid = ''; ;) {
    const gids = await rows.listOnce(owner, afterGid, batch)
    const active = await options.active(gids)
    const over = gids.filter((gid) => !active.has(gid))
    if (over.length > 0) await rows.markOnceOver(owner, over)
    if (gids.length < batch) return
    afterGid = gids.at(-1)!
  }
}

async function pruneOnce(rows: PrunableRows): Promise<number> {
  for (let deleted = 0; ;) {
    const count = await rows.deleteOnceOver(batch)
    deleted += count
    if (count < batch) return deleted
  }
}
