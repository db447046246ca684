import { createPool } from 'mysql2/promise'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import { sku } from '../business.ts'
import { execute, probe } from '../databases/mysql.ts'
import type { Run, Side } from '../side.ts'
import { looping } from './looping.ts'

export const createBusiness = 'create table business (job int not null, sku text not null)'
export const insertBusiness = 'insert into business (job, sku) values (?, ?)'

const batch = 500
const loops = 2

export const handWrittenMysql2: Side = {
  name: 'hand-written-mysql2',
  about: `SQL through mysql2: one insert; ${loops} loops claim ${batch} rows with a lease, by skip locked, and delete them`,
  probe: probe('select count(*) as count from outbox'),
  install: (url) =>
    execute(
      url,
      createBusiness,
      `create table outbox (
        id bigint auto_increment primary key, payload text not null,
        step int not null default 0, lease_until datetime(3))`,
    ),
  fill: (url, jobs) =>
    execute(
      url,
      'set max_recursive_iterations = 10000000',
      `insert into outbox (payload)
       with recursive numbers as (select 0 as n union all select n + 1 from numbers where n + 1 < ${jobs})
       select concat('{"job":', n, '}') from numbers`,
      'analyze table outbox',
    ),
  async open(url, { connections, steps, run }) {
    const pool = createPool({ uri: url, connectionLimit: connections })
    const working = run && looping(loops, () => workOnce(pool, steps, run))
    return {
      async enqueue(job) {
        const connection = await pool.getConnection()
        await connection.query('start transaction')
        await connection.execute(insertBusiness, [job, sku])
        const payload = JSON.stringify({ job })
        await connection.execute('insert into outbox (payload) values (?)', [payload])
        await connection.query('commit')
        connection.release()
      },
      async close() {
        await working?.stop()
        await pool.end()
      },
    }
  },
}

interface OutboxRow extends RowDataPacket {
  readonly id: number
  readonly payload: string
}

async function workOnce(pool: Pool, steps: number, run: Run): Promise<boolean> {
  const rows = await claim(pool)
  if (rows.length === 0) return false
  const ids = [rows.map(({ id }) => id)]
  for (let step = 0; step < steps; step++) {
    for (const { payload } of rows) await run(JSON.parse(payload).job, step)
    await (step + 1 < steps
      ? pool.query(`update outbox set step = ${step + 1}, ${leased} where id in (?)`, ids)
      : pool.query('delete from outbox where id in (?)', ids))
  }
  return true
}

const leased = 'lease_until = utc_timestamp(3) + interval 10 second'

async function claim(pool: Pool): Promise<readonly OutboxRow[]> {
  const connection = await pool.getConnection()
  try {
    await connection.query('set transaction isolation level read committed')
    await connection.query('start transaction')
    const [rows] = await connection.query<OutboxRow[]>(
      `select id, payload from outbox where lease_until is null or lease_until < utc_timestamp(3)
       order by id limit ${batch} for update skip locked`,
    )
    const ids = [rows.map(({ id }) => id)]
    if (rows.length > 0) await connection.query(`update outbox set ${leased} where id in (?)`, ids)
    await connection.query('commit')
    return rows
  } finally {
    connection.release()
  }
}
