import type { PruneOptions } from '@stepping/core'
import type { AnySqlDatabase } from './sql-database.ts'

const batch = 500

/** Deletes barrier and `once` rows past their safe age, a batch per statement, by primary key. */
export async function pruneRows(database: AnySqlDatabase, options: PruneOptions): Promise<number> {
  await markOnceOver(database, options)
  return (await pruneBarrier(database, options)) + (await pruneOnce(database))
}

async function pruneBarrier(database: AnySqlDatabase, options: PruneOptions): Promise<number> {
  const { sqlDialect: dialect, tables } = database
  let deleted = 0
  for (let afterId = '0'; ;) {
    const { rows } = await database.run(dialect.listBarrier(tables, afterId, batch))
    const old = rows.filter((row) => Number(row['old']) === 1)
    // A commit never by age alone: without its row, a job that is still asked about would be
    // answered "rolled back". The others are answered so, and would be again.
    const over = await options.over(old.map((row) => String(row['gid'])))
    const ids = old
      .filter((row) => isRolledBack(row['reason']) || over.has(String(row['gid'])))
      .map((row) => String(row['id']))
    if (ids.length > 0) deleted += (await database.run(dialect.deleteBarrier(tables, ids))).affected
    if (rows.length < batch || old.length === 0) return deleted
    afterId = String(rows.at(-1)!['id'])
  }
}

function isRolledBack(reason: unknown): boolean {
  return reason === 'rollback' || reason === 'empty'
}

/** From the moment a job is seen to be over, no attempt begins; the last one's window starts to run out. */
async function markOnceOver(database: AnySqlDatabase, options: PruneOptions): Promise<void> {
  const { sqlDialect: dialect, tables } = database
  for (let afterGid = ''; ;) {
    const { rows } = await database.run(dialect.listOnce(tables, options.owner, afterGid, batch))
    const gids = rows.map((row) => String(row['gid']))
    const active = await options.active(gids)
    const over = gids.filter((gid) => !active.has(gid))
    if (over.length > 0) await database.run(dialect.markOnceOver(tables, options.owner, over))
    if (rows.length < batch) return
    afterGid = gids.at(-1)!
  }
}

async function pruneOnce(database: AnySqlDatabase): Promise<number> {
  const { sqlDialect: dialect, tables } = database
  for (let deleted = 0; ;) {
    const { affected } = await database.run(dialect.deleteOnceOver(tables, batch))
    deleted += affected
    if (affected < batch) return deleted
  }
}
