import type { BarrierRow, OnceRow, Probe } from './harness.ts'

/** Runs a statement with `?` past the adapter; resolves with the rows. */
export type SqliteProbeQuery = (text: string, values: unknown[]) => Promise<readonly object[]>

/**
 * For adapters over `@stepping/sql`, whose `tables` are prefixes. The user's table is
 * `create table notes (text text primary key)`. Through the driver under test: two copies of SQLite
 * in one process undo each other's locks on a file.
 *
 * @example
 * sqliteProbe(async (text, values) => raw.prepare(text).all(...values))
 */
export function sqliteProbe(query: SqliteProbeQuery): Probe {
  return {
    async rows() {
      const rows = (await query('select text from notes', [])) as { text: string }[]
      return rows.map((row) => row.text)
    },
    async barrier(gid, tables = 'stepping_') {
      return (await query(
        `select trans_type, gid, branch_id, op, barrier_id, reason
        from "${tables}barrier" where gid = ?`,
        [gid],
      )) as BarrierRow[]
    },
    async once(gid, tables = 'stepping_') {
      const rows = (await query(
        `select step, key, owner, value, over_at is not null as over
        from "${tables}once" where gid = ?`,
        [gid],
      )) as (Omit<OnceRow, 'over'> & { over: number })[]
      return rows.map((row) => ({ ...row, over: row.over === 1 }))
    },
    async age(ms, tables) {
      await query(
        `update "${tables}barrier" set create_time = create_time - ?, update_time = update_time - ?`,
        [ms, ms],
      )
      await query(`update "${tables}once" set created_at = created_at - ?, over_at = over_at - ?`, [
        ms,
        ms,
      ])
    },
  }
}
