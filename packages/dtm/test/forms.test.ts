import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

test('a job without a transaction is done', async () => {
  const app = await start()
  const job = app.stepping.createJob().addStep(app.note, 'alone')
  await expect(job.start()).resolves.toEqual({ gid: job.gid, submitted: true })
  await app.noted('alone', 1_000)
})

test("a transaction's job is done after the commit, once", async () => {
  const app = await start()
  const gid = await app.stepping.transaction(orders.database, async (tx, job) => {
    job.addStep(app.note, 'first').addStep(app.note, 'second')
    await tx.execute(sql`insert into orders values ('committed')`)
    return job.gid
  })
  await app.finished(gid, 1_000)
  expect(app.notes).toEqual(['first', 'second'])
  expect(await orders.skus()).toEqual(['committed'])
  expect(app.events).toEqual([{ type: 'job.finished', gid }])
})
