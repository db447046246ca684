import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { execute } from '../execute.ts'
import type { Scenario } from '../scenario.ts'

const seconds = 20

/** What the server counts while a process waits for work that does not come. */
export const idle: Scenario = {
  name: 'idle',
  title: `Statements of one process that waits for work, over ${seconds} s`,
  unit: 'statements/s',
  baseline: 'graphile-worker',
  rounds: 1,
  sides: ['stepping', 'graphile-worker', 'pg-boss', 'pg-boss-notify', 'dbos', 'openworkflow'],
  async measure({ side, url }) {
    await side.install(url)
    const name = new URL(url).pathname.slice(1)
    await execute(
      url,
      'create extension pg_stat_statements',
      `alter database ${name} set pg_stat_statements.track = 'all'`,
    )
    const open = await side.open(url, { connections: 10, steps: 1, run: () => {} })
    await delay(5_000)
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query('set pg_stat_statements.track = none')
    await client.query('select pg_stat_statements_reset()')
    await delay(seconds * 1_000)
    const { rows } = await client.query<{ calls: string }>(
      `select coalesce(sum(calls), 0) as calls from pg_stat_statements
       join pg_database on oid = dbid and datname = $1
       where toplevel and query not like '%pg_stat_statements%'`,
      [name],
    )
    await client.end()
    await open.close()
    return { 'statements/s': Number(rows[0]!.calls) / seconds }
  },
}
