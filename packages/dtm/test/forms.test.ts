import { tenantDatabases } from '@stepping/core'
import type { TransactionJob } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openOrders, startApp } from './app.ts'
import type { App, OrdersDatabase } from './app.ts'

let server: TakenDtm
let orders: OrdersDatabase

beforeAll(async () => {
  server = await takeDtm()
  orders = await openOrders()
}, 600_000)

afterAll(async () => {
  await orders.close()
  await server.stop()
})

async function start(): Promise<App> {
  return await startApp({ server: server.url, orders })
}

describe('a job without a transaction', () => {
  test('is done', async () => {
    const app = await start()
    const job = app.stepping.createJob().addStep(app.note, 'alone')
    await expect(job.start()).resolves.toEqual({ gid: job.gid, submitted: true })
    await app.finished(job.gid, 2_500)
    expect(app.notes).toEqual(['alone'])
  })
})

describe('a job in a transaction', () => {
  test('is done after the commit, once, step after step', async () => {
    const app = await start()
    const gid = await app.stepping.transaction(orders.database, async (tx, job) => {
      job.addStep(app.note, 'first').addStep(app.note, 'second')
      await tx.execute(sql`insert into orders values ('committed')`)
      return job.gid
    })
    await app.finished(gid, 2_500)
    expect(app.notes).toEqual(['first', 'second'])
    expect(await orders.skus()).toContain('committed')
    expect(app.events).toEqual([{ type: 'job.finished', gid }])
  })

  test('is never heard of when the callback rejects', async () => {
    const app = await start()
    let gid = ''
    const failure = new Error('out of stock')
    const rejected = app.stepping.transaction(orders.database, async (_tx, job) => {
      gid = job.addStep(app.note, 'never').gid
      throw failure
    })
    await expect(rejected).rejects.toBe(failure)
    expect(await app.stepping.jobs.find(gid)).toBeNull()
  })
})

async function prepared(app: App, text: string, fail?: Error): Promise<TransactionJob> {
  return await orders.db.transaction(async (tx) => {
    const job = app.stepping.createJob(orders.database.context(tx)).addStep(app.note, text)
    await tx.execute(sql`insert into orders values (${text})`)
    await job.prepareAndInsertBarrier()
    if (fail) throw Object.assign(fail, { job })
    return job
  })
}

describe("a job in the user's own transaction", () => {
  test('is done after its submit', async () => {
    const app = await start()
    const job = await prepared(app, 'by hand')
    expect(await job.submit()).toEqual({ gid: job.gid, submitted: true })
    await app.finished(job.gid, 2_500)
    expect(app.notes).toEqual(['by hand'])
  })

  test('is done also when nobody submits it', async () => {
    const app = await start()
    const job = await prepared(app, 'forgotten')
    await app.finished(job.gid)
    expect(app.notes).toEqual(['forgotten'])
  })

  test('is dropped with it, and cannot be submitted', async () => {
    const app = await start()
    const failure = new Error('out of stock') as Error & { job: TransactionJob }
    await expect(prepared(app, 'undone', failure)).rejects.toBe(failure)
    const { job } = failure
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await vi.waitFor(
      async () => {
        expect(await app.stepping.jobs.find(job.gid)).toMatchObject({ state: 'rolledBack' })
      },
      { timeout: 20_000 },
    )
    expect(app.notes).toEqual([])
  })
})

test("each tenant's database is asked about its own jobs", async () => {
  const tenants = {
    acme: await openOrders('shops', 'acme'),
    umbrella: await openOrders('shops', 'umbrella'),
  }
  const shops = tenantDatabases({
    name: 'shops',
    resolve: (tenant) => tenants[tenant as keyof typeof tenants]?.database,
  })
  onTestFinished(async () => {
    for (const { close } of Object.values(tenants)) await close()
  })
  const app = await startApp({ server: server.url, orders: { database: shops } })
  const jobs: TransactionJob[] = []
  for (const [tenant, { db }] of Object.entries(tenants)) {
    const database = await shops.get(tenant)
    await db
      .transaction(async (tx) => {
        const job = app.stepping.createJob(database.context(tx)).addStep(app.note, tenant)
        jobs.push(job)
        await job.prepareAndInsertBarrier()
        // Nobody submits: it is left to the tenant's own database what DTM is told.
        if (tenant === 'umbrella') tx.rollback()
      })
      .catch(() => {})
  }
  const [committed, rolledBack] = jobs
  await app.finished(committed!.gid)
  await vi.waitFor(
    async () =>
      expect(await app.stepping.jobs.find(rolledBack!.gid)).toMatchObject({ state: 'rolledBack' }),
    { timeout: 15_000 },
  )
  expect(app.notes).toEqual(['acme'])
}, 40_000)
