import { createStepping, defineStep, unchecked } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { freshMysqlDatabase } from '@stepping/test-support'
import { createPool } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { mysql2 } from '../src/index.ts'

/**
 * What a job costs the database: the most statements per job, each a round trip. Counted, not timed.
 * The page on performance has these numbers, too.
 */
const most = { enqueue: 4, enqueueAndRun: 5.5, drain: 0.06, threeSteps: 0.08 }

const jobs = 1_000

/** An app in a database of its own, whose statements are counted. */
async function startApp({ execute = true } = {}) {
  const fresh = await freshMysqlDatabase(inject('mysqlUrl'))
  onTestFinished(() => fresh.drop())
  const pool = createPool({ uri: fresh.url, connectionLimit: 10 })
  let statements = 0
  pool.pool.on('connection', (connection) => {
    const core = connection as unknown as { addCommand: (command: object) => object }
    const { addCommand } = core
    core.addCommand = function (command) {
      statements++
      return addCommand.call(this, command)
    }
  })
  const orders = mysql2(pool, { name: 'orders' })
  let ran = 0
  const step = (name: string) =>
    defineStep({ name, args: unchecked<{ job: number }>(), run: () => void ran++ })
  const steps = [step('A'), step('B'), step('C')] as const
  const tm = selfTm({ database: orders, concurrency: 500 })
  const stepping = createStepping({ app: 'cost', tm, databases: [orders], steps, execute })
  await stepping.migrate()
  const probe = createPool({ uri: fresh.url, connectionLimit: 1 })
  const query = async (text: string) => (await probe.query<RowDataPacket[]>(text))[0]
  await query('create table business (job int)')
  onTestFinished(async () => {
    await stepping.close()
    await Promise.all([pool.end(), probe.end()])
  })
  return {
    stepping,
    query,
    statements: () => statements,
    async enqueue(job: number) {
      await stepping.transaction(orders, async (connection, its) => {
        await connection.query('insert into business values (?)', [job])
        its.addStep(steps[0], { job })
      })
    },
    async allDone(count: number) {
      await vi.waitFor(
        async () => {
          const [row] = await query('select count(*) as `left` from stepping_job')
          expect({ left: row!['left'], ran }).toEqual({ left: 0, ran: count })
        },
        { timeout: 20_000, interval: 50 },
      )
    },
  }
}

type App = Awaited<ReturnType<typeof startApp>>

/** How many statements the work sends, for each job. */
async function costOf({ statements }: App, work: () => Promise<void>): Promise<number> {
  const before = statements()
  await work()
  return (statements() - before) / jobs
}

/** Waiting jobs, as if they had been added in transactions. */
async function fill({ query }: App, steps: readonly string[]): Promise<void> {
  const stored = JSON.stringify(steps.map((name) => [name, { job: 0 }]))
  const rows = Array.from(
    { length: jobs },
    (_, n) => `('job-${n}', 'cost', 'submitted', '${stored}', '${steps[0]}', 0, utc_timestamp(3))`,
  )
  await query(
    `insert into stepping_job (gid, app, state, steps, next_step, keep, due_at) values ${rows.join()}`,
  )
}

test('to enqueue a job costs one statement in its transaction', async () => {
  const app = await startApp({ execute: false })
  await app.stepping.start()
  await app.enqueue(-1) // asks which product the server is
  const cost = await costOf(app, async () => {
    for (let job = 0; job < jobs; job++) await app.enqueue(job)
  })
  expect(cost).toBeLessThanOrEqual(most.enqueue + 0.01)
})

test('to run it in the same process costs one statement at most', async () => {
  const app = await startApp()
  await app.stepping.start()
  const cost = await costOf(app, async () => {
    for (let job = 0; job < jobs; job++) await app.enqueue(job)
    await app.allDone(jobs)
  })
  expect(cost).toBeLessThanOrEqual(most.enqueueAndRun)
})

test('to drain jobs costs a few statements for hundreds', async () => {
  const app = await startApp()
  await fill(app, ['A'])
  const cost = await costOf(app, async () => {
    await app.stepping.start()
    await app.allDone(jobs)
  })
  expect(cost).toBeLessThanOrEqual(most.drain)
})

test('to record three steps one by one costs a few statements for hundreds', async () => {
  const app = await startApp()
  await fill(app, ['A', 'B', 'C'])
  const cost = await costOf(app, async () => {
    await app.stepping.start()
    await app.allDone(3 * jobs)
  })
  expect(cost).toBeLessThanOrEqual(most.threeSteps)
})
