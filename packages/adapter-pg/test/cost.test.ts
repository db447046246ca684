import { createStepping, defineStep, unchecked } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { startPostgres } from '@stepping/test-support'
import type { PostgresServer } from '@stepping/test-support'
import { pg } from '@stepping/adapter-pg'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { countingPool } from './counting-pool.ts'
import type { Counts } from './counting-pool.ts'

/**
 * What a job costs the database: the most per job, of what is counted and not timed. The page on
 * performance has these numbers, too.
 */
const most = {
  // The job's insert and COMMIT are sent together; in a pipeline BEGIN is, with the business row, too.
  enqueue: { statements: 3, roundTrips: 3, claims: 0, walBytes: 700 },
  enqueueInPipeline: { statements: 3, roundTrips: 2, claims: 0, walBytes: 700 },
  aloneInPipeline: { statements: 2, roundTrips: 1, claims: 0 },
  // So is the barrier row; the job is prepared before, and submitted after.
  enqueueInTwoPhases: { statements: 5.05, roundTrips: 5.05, claims: 0 },
  enqueueAndRun: { statements: 4, roundTrips: 4, claims: 0, walBytes: 900 },
  drain: { statements: 0.02, roundTrips: 0.02, claims: 0.006, walBytes: 600 },
  threeSteps: { statements: 0.04, roundTrips: 0.04, claims: 0.006, walBytes: 1_300 },
}

const jobs = 1_000

let server: PostgresServer
let url: string

beforeAll(async () => {
  // Its own: nothing else may write to its log.
  server = await startPostgres({ settings: { autovacuum: 'off' } })
  url = server.url
})
afterAll(async () => await server.stop())

let apps = 0

/** An app in a schema of its own, whose steps are told of; `storeUrl`: its jobs are in another database. */
async function startApp({
  execute = true,
  pollMs = 2_000,
  pipeline = false,
  storeUrl,
}: { execute?: boolean; pollMs?: number; pipeline?: boolean; storeUrl?: string } = {}) {
  const { pool, counts } = countingPool(url, pipeline)
  const orders = pg(pool, { name: 'orders', prepare: true, schema: `cost_${++apps}` })
  const storePool = storeUrl === undefined ? pool : countingPool(storeUrl, false, counts).pool
  const store = storePool === pool ? orders : pg(storePool, { name: 'jobs', prepare: true })
  let ran = 0
  const step = (name: string) =>
    defineStep({ name, args: unchecked<{ job: number }>(), run: () => void ran++ })
  const steps = [step('A'), step('B'), step('C')] as const
  const tm = selfTm({ database: store, concurrency: 500, pollMs })
  const stepping = createStepping({ app: 'cost', tm, databases: [orders], steps, execute })
  await stepping.migrate()
  await pool.query(`create table "cost_${apps}".business (job int)`)
  return {
    counts,
    steps,
    stepping,
    schema: `cost_${apps}`,
    ran: () => ran,
    enqueue: (job: number) =>
      stepping.transaction(orders, async (client, its) => {
        await client.query({
          name: 'business',
          text: `insert into "cost_${apps}".business values ($1)`,
          values: [job],
        })
        its.addStep(steps[0], { job })
      }),
    enqueueAlone: (job: number) =>
      stepping.transaction(orders, async (_client, its) => {
        its.addStep(steps[0], { job })
      }),
    async [Symbol.asyncDispose]() {
      await stepping.close()
      await pool.end()
      if (storePool !== pool) await storePool.end()
    },
  }
}

type App = Awaited<ReturnType<typeof startApp>>

/** What the work adds to the counts, for each job. */
async function costOf({ counts }: App, work: () => Promise<void>) {
  const before = { ...counts }
  const walBefore = await walBytes()
  await work()
  const wal = (await walBytes()) - walBefore
  const each = (name: keyof Counts): number => (counts[name] - before[name]) / jobs
  return {
    statements: each('statements'),
    roundTrips: each('roundTrips'),
    claims: each('claims'),
    heartbeats: each('heartbeats'),
    walBytes: wal / jobs,
  }
}

async function walBytes(): Promise<number> {
  const { rows } = await query(`select pg_current_wal_insert_lsn() - '0/0' as bytes`)
  return Number(rows[0]!.bytes)
}

async function query(text: string) {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query<{ bytes: string; left: string }>(text)
  } finally {
    await client.end()
  }
}

async function allDone({ schema, ran }: App, steps: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const { rows } = await query(`select count(*) as left from "${schema}".job`)
      expect({ left: Number(rows[0]!.left), ran: ran() }).toEqual({ left: 0, ran: steps })
    },
    { timeout: 10_000, interval: 50 },
  )
}

/** Waiting jobs, as if they had been added in transactions. */
async function fill({ schema }: App, steps: readonly string[]): Promise<void> {
  const stored = JSON.stringify(steps.map((name) => [name, { job: 0 }]))
  await query(
    `insert into "${schema}".job (gid, app, state, steps, next_step, keep, due_at)
     select 'job-' || n, 'cost', 'submitted', '${stored}', '${steps[0]}', false, now() from generate_series(1, ${jobs}) n`,
  )
}

function expectAtMost(cost: Readonly<Record<string, number>>, table: typeof cost): void {
  for (const [name, limit] of Object.entries(table)) {
    expect.soft(cost[name], name).toBeLessThanOrEqual(limit)
  }
}

test('to enqueue a job costs one statement in its transaction', async () => {
  await using app = await startApp({ execute: false })
  await app.stepping.start()
  const cost = await costOf(app, async () => {
    for (let job = 0; job < jobs; job++) await app.enqueue(job)
  })
  expectAtMost(cost, most.enqueue)
})

test('in a pipeline its transaction takes two round trips', async () => {
  await using app = await startApp({ execute: false, pipeline: true })
  await app.stepping.start()
  const cost = await costOf(app, async () => {
    for (let job = 0; job < jobs; job++) await app.enqueue(job)
  })
  expectAtMost(cost, most.enqueueInPipeline)
})

test('in a pipeline a job alone takes one round trip, with BEGIN and COMMIT', async () => {
  await using app = await startApp({ execute: false, pipeline: true })
  await app.stepping.start()
  await app.enqueueAlone(-1) // reads once which database it is
  const cost = await costOf(app, async () => {
    for (let job = 0; job < jobs; job++) await app.enqueueAlone(job)
  })
  expectAtMost(cost, most.aloneInPipeline)
})

test('with its store in another database a job costs a prepare and a submit more', async () => {
  await query('create database jobs')
  const storeUrl = Object.assign(new URL(url), { pathname: '/jobs' }).href
  await using app = await startApp({ execute: false, storeUrl })
  await app.stepping.start()
  const cost = await costOf(app, async () => {
    for (let job = 0; job < jobs; job++) await app.enqueue(job)
  })
  expectAtMost(cost, most.enqueueInTwoPhases)
})

test('to run it in the same process costs no claim, and one statement at most', async () => {
  await using app = await startApp()
  await app.stepping.start()
  const cost = await costOf(app, async () => {
    for (let job = 0; job < jobs; job++) await app.enqueue(job)
    await allDone(app, jobs)
  })
  // Those with which it looks for other work, and tells that it is alive, are of the clock, not of a job.
  const { claims, heartbeats, statements, roundTrips, ...rest } = cost
  const own = (sent: number): number => Math.round((sent - claims - heartbeats) * jobs) / jobs
  expectAtMost(
    { ...rest, statements: own(statements), roundTrips: own(roundTrips), claims: 0 },
    most.enqueueAndRun,
  )
})

test('to drain jobs costs a few statements for hundreds', async () => {
  await using app = await startApp()
  await fill(app, ['A'])
  const cost = await costOf(app, async () => {
    await app.stepping.start()
    await allDone(app, jobs)
  })
  expectAtMost(cost, most.drain)
})

test('to record three steps one by one costs a few statements for hundreds', async () => {
  await using app = await startApp()
  await fill(app, ['A', 'B', 'C'])
  const cost = await costOf(app, async () => {
    await app.stepping.start()
    await allDone(app, 3 * jobs)
  })
  expectAtMost(cost, most.threeSteps)
})

test('an idle process sends nothing but its looks for work', async () => {
  await using app = await startApp({ pollMs: 20 })
  await app.stepping.start()
  await vi.waitFor(() => expect(app.counts.claims).toBeGreaterThan(2), 10_000)
  const { statements, claims } = { ...app.counts }
  await vi.waitFor(() => expect(app.counts.claims).toBeGreaterThanOrEqual(claims + 10), 10_000)
  expect(app.counts.statements - statements).toBe(app.counts.claims - claims)
})
