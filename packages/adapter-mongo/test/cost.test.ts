import { createStepping, defineStep, unchecked } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { freshMongoDatabase } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { mongo } from '../src/index.ts'

/**
 * What a job costs the database: the most commands per job, each a round trip, and the most statements
 * in them. Counted, not timed. The page on performance has these numbers, too.
 */
const most = {
  enqueue: { commands: 3, statements: 3 },
  enqueueAndRun: { commands: 4.5, statements: 4.5 },
  drain: { commands: 0.04, statements: 0.04 },
  threeSteps: { commands: 0.06, statements: 0.06 },
}

const jobs = 1_000

/** One after the other: each waits until a majority has it in its journal. */
const added = 50

/** Writes can carry many statements, and the server runs each by itself. */
type Carrying = Partial<Record<'updates' | 'deletes', readonly object[]>>

/** An app in a database of its own, whose commands are counted. */
async function startApp({ execute = true } = {}) {
  const fresh = freshMongoDatabase(inject('mongoUrl'))
  onTestFinished(() => fresh.drop())
  const client = new MongoClient(fresh.url, { monitorCommands: true })
  const counts = { commands: 0, statements: 0 }
  client.on('commandStarted', ({ commandName, command }) => {
    if (['hello', 'ping', 'getMore', 'endSessions'].includes(commandName)) return
    // One word to other processes for all jobs of 5 ms: of the clock, not of a job.
    if (command['update'] === 'stepping_wake') return
    const { updates = [], deletes = [] } = command as Carrying
    counts.commands++
    counts.statements += Math.max(1, updates.length + deletes.length)
  })
  const db = client.db()
  const orders = mongo(db, { name: 'orders' })
  let ran = 0
  const step = (name: string) =>
    defineStep({ name, args: unchecked<{ job: number }>(), run: () => void ran++ })
  const steps = [step('A'), step('B'), step('C')] as const
  const tm = selfTm({ database: orders, concurrency: 500 })
  const stepping = createStepping({ app: 'cost', tm, databases: [orders], steps, execute })
  await stepping.migrate()
  await db.createCollection('business')
  const probe = new MongoClient(fresh.url)
  const stored = probe.db().collection<{ _id: string; state: string }>('stepping_job')
  onTestFinished(async () => {
    await stepping.close()
    await Promise.all([client.close(), probe.close()])
  })
  return {
    stepping,
    counts,
    stored,
    async enqueue(job: number) {
      await stepping.transaction(orders, async (session, its) => {
        await db.collection('business').insertOne({ job }, { session })
        its.addStep(steps[0], { job })
      })
    },
    async allDone(count: number) {
      await vi.waitFor(
        async () => {
          const left = await stored.countDocuments()
          expect({ left, ran }).toEqual({ left: 0, ran: count })
        },
        { timeout: 20_000, interval: 50 },
      )
    },
  }
}

type App = Awaited<ReturnType<typeof startApp>>

/** How much the work sends, for each job. */
async function costOf({ counts }: App, jobsOfIt: number, work: () => Promise<void>) {
  const before = { ...counts }
  await work()
  return {
    commands: (counts.commands - before.commands) / jobsOfIt,
    statements: (counts.statements - before.statements) / jobsOfIt,
  }
}

/** Waiting jobs, as if they had been added in transactions. */
async function fill({ stored }: App, steps: readonly string[]): Promise<void> {
  const job = {
    app: 'cost',
    state: 'submitted',
    steps: JSON.stringify(steps.map((name) => [name, { job: 0 }])),
    next_step: steps[0]!,
    cursor: 0,
    attempts: 0,
    due_at: new Date(),
    lease_owner: null,
    lease_token: 0,
    lease_until: null,
    retry_now: false,
    keep: false,
    created_at: new Date(),
  }
  await stored.insertMany(Array.from({ length: jobs }, (_, n) => ({ ...job, _id: `job-${n}` })))
}

function expectAtMost(
  cost: { readonly commands: number; readonly statements: number },
  table: typeof cost,
): void {
  expect.soft(cost.commands, 'commands').toBeLessThanOrEqual(table.commands)
  expect.soft(cost.statements, 'statements').toBeLessThanOrEqual(table.statements)
}

test('to enqueue a job costs one command in its transaction', async () => {
  const app = await startApp({ execute: false })
  await app.stepping.start()
  await app.enqueue(-1) // asks whether the tables are there
  const cost = await costOf(app, added, async () => {
    for (let job = 0; job < added; job++) await app.enqueue(job)
  })
  expectAtMost(cost, most.enqueue)
})

test('to run it in the same process costs one command at most', async () => {
  const app = await startApp()
  await app.stepping.start()
  const cost = await costOf(app, added, async () => {
    for (let job = 0; job < added; job++) await app.enqueue(job)
    await app.allDone(added)
  })
  expectAtMost(cost, most.enqueueAndRun)
})

test('to drain jobs costs a few commands for hundreds', async () => {
  const app = await startApp()
  await fill(app, ['A'])
  const cost = await costOf(app, jobs, async () => {
    await app.stepping.start()
    await app.allDone(jobs)
  })
  expectAtMost(cost, most.drain)
})

test('to record three steps one by one costs a few commands for hundreds', async () => {
  const app = await startApp()
  await fill(app, ['A', 'B', 'C'])
  const cost = await costOf(app, jobs, async () => {
    await app.stepping.start()
    await app.allDone(3 * jobs)
  })
  expectAtMost(cost, most.threeSteps)
})
