import type { BarrierRow, OnceRow, Probe } from './harness.ts'

/** Runs a statement with `$1`, `$2` … past the adapter; resolves with the rows. */
export type ProbeQuery = (text: string, values: unknown[]) => Promise<readonly object[]>

/**
 * For adapters over `@stepping/sql`, whose `tables` are schemas. The user's table is
 * `create table notes (text text primary key)`.
 *
 * @example
 * postgresProbe(async (text, values) => (await client.query(text, values)).rows)
 */
export function postgresProbe(query: ProbeQuery): Probe {
  return {
    async rows() {
      const rows = (await query('select text from notes', [])) as { text: string }[]
      return rows.map((row) => row.text)
    },
    async barrier(gid, tables = 'stepping') {
      return (await query(
        `select trans_type, gid, branch_id, op, barrier_id, reason
        from "${tables}".barrier where gid = $1`,
        [gid],
      )) as BarrierRow[]
    },
    async once(gid, tables = 'stepping') {
      return (await query(
        `select step, key, owner, value, over_at is not null as over
        from "${tables}".once where gid = $1`,
        [gid],
      )) as OnceRow[]
    },
    async age(ms, tables) {
      const back = `- ${ms} * interval '1 ms'`
      await query(
        `update "${tables}".barrier set create_time = create_time ${back}, update_time = update_time ${back}`,
        [],
      )
      await query(
        `update "${tables}".once set created_at = created_at ${back}, over_at = over_at ${back}`,
        [],
      )
    },
  }
}
