import { pruneRows as pruneAll } from '@stepping/core'
import type { PruneOptions } from '@stepping/core'
import type { AnySqlDatabase } from './sql-database.ts'
import type { Statement } from './statement.ts'

/** Deletes barrier and `once` rows past their safe age, a batch per statement, by primary key. */
export async function pruneRows(database: AnySqlDatabase, options: PruneOptions): Promise<number> {
  const { sqlDialect: dialect, tables } = database
  // At READ COMMITTED: at REPEATABLE READ, MySQL would wait for rows that others are about to insert.
  const write = async (statement: Statement): Promise<number> =>
    (await database.batch([statement]))[0]!.affected
  return await pruneAll<string>(
    {
      async listBarrier(after = '0', limit) {
        // Whose rows those of others are, and for how long they are needed, nobody here can know.
        if (tables.isBarrierShared) return []
        const { rows } = await database.run(dialect.listBarrier(tables, after, limit))
        return rows.map((row) => ({
          id: String(row['id']),
          gid: String(row['gid']),
          reason: String(row['reason']),
          old: Number(row['old']) === 1,
        }))
      },
      async deleteBarrier(ids) {
        return await write(dialect.deleteBarrier(tables, ids))
      },
      async listOnce(owner, afterGid, limit) {
        const { rows } = await database.run(dialect.listOnce(tables, owner, afterGid, limit))
        return rows.map((row) => String(row['gid']))
      },
      async markOnceOver(owner, gids) {
        await write(dialect.markOnceOver(tables, owner, gids))
      },
      async deleteOnceOver(limit) {
        return await write(dialect.deleteOnceOver(tables, limit))
      },
    },
    options,
  )
}
