import type { BarrierRow, OnceRow, Probe } from './harness.ts'

/** Runs a statement with `?` past the adapter; resolves with the rows. */
export type MysqlProbeQuery = (text: string, values: unknown[]) => Promise<readonly object[]>

/**
 * For adapters over `@stepping/sql`, whose `tables` are prefixes. The user's table is
 * `create table notes (text varchar(200) primary key)`.
 *
 * @example
 * mysqlProbe(async (text, values) => (await connection.query(text, values))[0])
 */
export function mysqlProbe(query: MysqlProbeQuery): Probe {
  return {
    async rows() {
      const rows = (await query('select text from notes', [])) as { text: string }[]
      return rows.map((row) => row.text)
    },
    async barrier(gid, tables = 'stepping_') {
      return (await query(
        `select trans_type, gid, branch_id, op, barrier_id, reason
        from ${tables}barrier where gid = ?`,
        [gid],
      )) as BarrierRow[]
    },
    async once(gid, tables = 'stepping_') {
      const rows = (await query(
        `select step, \`key\`, owner, value, over_at is not null as over_ from ${tables}once
        where gid = ?`,
        [gid],
      )) as (Omit<OnceRow, 'over'> & { over_: number })[]
      return rows.map(({ over_: over, ...row }) => ({ ...row, over: over === 1 }))
    },
    async age(ms, tables) {
      const back = `- interval ${ms * 1_000} microsecond`
      await query(
        `update ${tables}barrier set create_time = create_time ${back}, update_time = update_time ${back}`,
        [],
      )
      await query(
        `update ${tables}once set created_at = created_at ${back}, over_at = over_at ${back}`,
        [],
      )
    },
  }
}
