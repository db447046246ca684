import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { createBusiness, insertBusiness, sku } from '../business.ts'
import { execute, probe } from '../databases/postgres.ts'
import type { Run, Side } from '../side.ts'

/** As lean as a queue table can be that survives a worker: the limit, with the same durability. */
export const insertOutbox = 'insert into outbox (payload) values ($1)'

/** Waiting rows are claimed with a lease, and deleted when they are done. */
export const claimOutbox = `
  update outbox set lease_until = clock_timestamp() + interval '10 s'
  where id in (
    select id from outbox where lease_until is null or lease_until < statement_timestamp()
    order by id limit $1 for update skip locked)
  returning id, payload`
const advanceOutbox = `
  update outbox set step = $2, lease_until = clock_timestamp() + interval '10 s' where id = any($1)`
export const deleteOutbox = 'delete from outbox where id = any($1)'

export const batch = 500
const loops = 2

export const handWritten: Side = {
  name: 'hand-written',
  about: `SQL through pg: one insert; ${loops} loops claim ${batch} rows with a lease and delete them`,
  probe: probe('select count(*) from outbox'),
  install: (url) =>
    execute(
      url,
      createBusiness,
      `create table outbox (
        id bigint generated always as identity primary key, payload text not null,
        step int not null default 0, lease_until timestamptz)`,
    ),
  fill: (url, jobs) =>
    execute(
      url,
      `insert into outbox (payload) select '{"job":' || n || '}' from generate_series(0, ${jobs - 1}) n`,
      'vacuum analyze outbox',
    ),
  clear: (url) => execute(url, 'truncate outbox'),
  open: (url, { connections, steps, run }) => open(url, connections, false, steps, run),
}

export const handWrittenPipeline: Side = {
  ...handWritten,
  name: 'hand-written-pipeline',
  about: "the same with pg's pipeline: BEGIN goes with the first insert, the second with COMMIT",
  open: (url, { connections, steps, run }) => open(url, connections, true, steps, run),
}

async function open(url: string, max: number, pipeline: boolean, steps: number, run?: Run) {
  const pool = new Pool({ connectionString: url, max, pipeline })
  const ending = new AbortController()
  const working =
    run && Promise.all(Array.from({ length: loops }, () => work(pool, steps, run, ending.signal)))
  return {
    enqueue: pipeline ? together : oneByOne,
    async close() {
      ending.abort()
      await working
      await pool.end()
    },
  }

  async function oneByOne(job: number): Promise<void> {
    const client = await pool.connect()
    await client.query('begin')
    await client.query(insertBusiness, [job, sku])
    await client.query(insertOutbox, [JSON.stringify({ job })])
    await client.query('commit')
    client.release()
  }

  async function together(job: number): Promise<void> {
    const client = await pool.connect()
    await Promise.all([client.query('begin'), client.query(insertBusiness, [job, sku])])
    await committed(client, client.query(insertOutbox, [JSON.stringify({ job })]))
    client.release()
  }
}

async function committed(client: PoolClient, insert: Promise<unknown>): Promise<void> {
  const [{ command }] = await Promise.all([client.query('commit'), insert])
  if (command !== 'COMMIT') throw new Error(`${command} instead of COMMIT.`)
}

async function work(pool: Pool, steps: number, run: Run, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    const { rows } = await pool.query<{ id: string; payload: string }>(claimOutbox, [batch])
    if (rows.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      continue
    }
    const ids = rows.map(({ id }) => id)
    for (let step = 0; step < steps; step++) {
      for (const { payload } of rows) await run(JSON.parse(payload).job, step)
      await (step + 1 < steps
        ? pool.query(advanceOutbox, [ids, step + 1])
        : pool.query(deleteOutbox, [ids]))
    }
  }
}
