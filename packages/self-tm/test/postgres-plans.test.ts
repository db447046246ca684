import { sqlJobStore } from '@stepping/self-tm'
import type { Claim, JobStore, Settlement } from '@stepping/self-tm'
import { sql } from '@stepping/sql'
import type { AnySqlDatabase, SqlResult } from '@stepping/sql'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { drizzlePostgres } from '../../adapter-drizzle/src/index.ts'
import { ending, leaseMs, request } from '../../conformance/src/index.ts'
import { jobOf, tiedJobOf } from './jobs.ts'
import { usePostgres } from './postgres-store.ts'
import type { PostgresStore } from './postgres-store.ts'
import { replacing } from './replacing.ts'

const { open, pool } = usePostgres()

const jobs = 2_000

interface PlanNode {
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Join Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

/** Rows of tables that were read, and pairs of rows that were compared in vain. */
function touched(node: PlanNode): number {
  const loops = node['Actual Loops']
  const read = node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)
  const compared = (node['Rows Removed by Join Filter'] ?? 0) * loops
  const below = (node.Plans ?? []).map(touched)
  return below.reduce((a, b) => a + b, compared + (node['Relation Name'] ? read * loops : 0))
}

/** The store on a database that carries statements out, but answers how it did. */
function explaining(
  { database }: PostgresStore,
  answer: SqlResult = { rows: [], affected: 0 },
): { store: JobStore; rows: () => number } {
  const plans: PlanNode[] = []
  const run: AnySqlDatabase['run'] = async (statement) => {
    const { rows } = await database.run(sql`explain (analyze, format json) ${statement}`)
    const plan = rows[0]!['QUERY PLAN'] as string | readonly { Plan: PlanNode }[]
    plans.push((typeof plan === 'string' ? JSON.parse(plan) : plan)[0].Plan)
    return answer
  }
  const store = sqlJobStore(replacing<AnySqlDatabase>(database, { run }))
  return { store, rows: () => touched(plans[0]!) }
}

/** Jobs that wait, in a table that was analysed since. */
async function fill({ store, query }: PostgresStore, count: number): Promise<void> {
  await store.submit(jobOf(['A', 'B'], { gid: 'job-0' }))
  await query(
    `insert into $job (gid, app, state, steps, next_step, keep, due_at)
     select 'job-' || n, app, state, steps, next_step, false, due_at from $job, generate_series(1, $1::int) n`,
    [count - 1],
  )
  await query('vacuum analyze $job')
}

/** Jobs that were waiting when their table was analysed, and have leases now. */
async function claimAll(opened: PostgresStore) {
  const { store } = opened
  await fill(opened, jobs)
  const { claims } = await store.claim(request({ limit: jobs }))
  expect(claims).toHaveLength(jobs)
  return claims
}

const advanced = (claim: Claim): Settlement =>
  ending(claim, { to: 'advanced', nextStep: 'B', leaseMs })

const finished = (claim: Claim): Settlement => ending(claim, { to: 'finished' })

test.each([
  ['steps', advanced],
  ['jobs', finished],
])(
  'ended %s look up each row, also where statistics say that no job has a lease',
  async (_, end) => {
    const opened = await open()
    const claims = await claimAll(opened)
    await opened.query('update $job set keep = false')
    const { store, rows } = explaining(opened, { rows: [{ written: jobs }], affected: jobs })
    await store.settle(claims.map(end))
    expect(rows()).toBeLessThanOrEqual(3 * jobs)
  },
)

test('a heartbeat looks up each row, also where statistics say that no job has a lease', async () => {
  const opened = await open()
  const claims = await claimAll(opened)
  const { store, rows } = explaining(opened)
  await store.renew(claims, leaseMs)
  expect(rows()).toBeLessThanOrEqual(3 * jobs)
})

test.for([
  { when: 'although their table was never analysed', analyse: [] },
  {
    when: 'also where statistics say that no job is prepared',
    analyse: [
      "update $job set state = 'finished'",
      'vacuum analyze $job',
      "update $job set state = 'prepared'",
    ],
  },
])('a submit and a roll-back look up their rows, $when', async ({ analyse }) => {
  const opened = await open()
  const job = tiedJobOf(['A'], { gid: 'job-0' })
  await opened.store.prepare(job)
  await opened.query(
    `insert into $job (gid, app, state, steps, next_step, keep, due_at, database)
     select 'job-' || n, app, state, steps, next_step, keep, due_at, database from $job, generate_series(1, $1::int) n`,
    [jobs - 1],
  )
  for (const statement of analyse) await opened.query(statement)
  const { store, rows } = explaining(opened)
  // It is submitted, but the store reads only how that was done.
  await expect(store.submit(job)).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
  expect(await opened.stored('job-0')).toMatchObject({ state: 'submitted' })
  expect(rows()).toBeLessThanOrEqual(3)

  const other = explaining(opened)
  await other.store.end((await opened.store.find('job-1'))!, 'rolledBack')
  expect(await opened.stored('job-1')).toMatchObject({ state: 'rolledBack' })
  expect(other.rows()).toBeLessThanOrEqual(3)
})

/** The same store over one connection, which prepares its statements, and what of the jobs' rows it has read. */
function preparing({ schema }: PostgresStore) {
  const single = new Pool({ ...pool().options, max: 1 })
  onTestFinished(() => single.end())
  const store = sqlJobStore(
    drizzlePostgres(drizzle(single), { name: 'orders', schema, prepare: true }),
  )
  const read = async (): Promise<number> => {
    await single.query('select pg_stat_force_next_flush()')
    const { rows } = await single.query<{ read: string }>(
      `select seq_tup_read + idx_tup_fetch as read from pg_stat_user_tables where schemaname = $1 and relname = 'job'`,
      [schema],
    )
    return Number(rows[0]!.read)
  }
  /** How often the statements that are like this were run with a plan of their own, and with one for any values. */
  const planned = async (like: string) => {
    const { rows } = await single.query<{ each: number; once: number }>(
      `select custom_plans::int as each, generic_plans::int as once from pg_prepared_statements where statement like $1`,
      [like],
    )
    return rows
  }
  return {
    store,
    planned,
    reading: async (work: () => Promise<unknown>): Promise<number> => {
      const before = await read()
      await work()
      return (await read()) - before
    },
  }
}

test('plans that a connection made while there were hardly any jobs look up each row of many', async () => {
  const { query, ...opened } = await open()
  const { store, reading } = preparing({ query, ...opened })
  const some = jobs / 4
  /** What a store does to some of so many jobs that wait, and how many rows that has read. */
  const run = async (count: number) => {
    const tied = tiedJobOf(['A', 'B'])
    await store.prepare(tied)
    await query(
      `insert into $job (gid, app, state, steps, next_step, keep, due_at)
       select gen_random_uuid(), app, 'submitted', steps, next_step, false, now() from $job, generate_series(2, $1::int)
       where gid = $2`,
      [count, tied.gid],
    )
    const submit = await reading(() => store.submit(tied))
    let claims: readonly Claim[] = []
    const claim = await reading(
      async () => ({ claims } = await store.claim(request({ limit: some }))),
    )
    expect(claims).toHaveLength(Math.min(count, some))
    const renew = await reading(() => store.renew(claims, leaseMs))
    const settle = await reading(() => store.settle(claims.map(advanced)))
    const again = claims.map((each) => ({ ...each, cursor: each.cursor + 1 }))
    const finish = await reading(() => store.settle(again.map(finished)))
    return { submit, claim, renew, settle, finish }
  }
  // A plan for any values is made by the sixth time; when the table is vacuumed, by the next.
  for (let time = 0; time < 8; time++) await run(2)
  await query('delete from $job')
  await query('vacuum analyze $job')
  for (let time = 0; time < 3; time++) await run(2)
  const { submit, ...each } = await run(jobs)
  expect(submit).toBeLessThanOrEqual(1)
  // Reading the table once would be more.
  expect(Math.max(...Object.values(each))).toBeLessThanOrEqual(3 * some)
})

test('a claim that finds many waiting is not planned anew each time', async () => {
  const opened = await open()
  await fill(opened, 10 * jobs)
  const { store, planned } = preparing(opened)
  for (let time = 0; time < 10; time++) {
    const { claims } = await store.claim(request({ limit: 15 }))
    expect(claims).toHaveLength(15)
  }
  // PostgreSQL makes five plans for these very values before it believes in one for any.
  expect(await planned('%skip locked%')).toEqual([{ each: 5, once: 5 }])
})
