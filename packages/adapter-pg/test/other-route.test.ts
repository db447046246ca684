import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { startApp } from './app.ts'
import { openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

/** The same database through Drizzle, under another name and on connections of its own. */
function throughDrizzle({ url }: Harness) {
  const pool = new Pool({ connectionString: url })
  onTestFinished(() => pool.end())
  return drizzlePostgres(drizzle(pool), { name: 'through Drizzle' })
}

test('jobs stored over pg, data over Drizzle, the same database: one insert and no barrier row', async () => {
  const h = await openForTest({ name: 'jobs' })
  const orders = throughDrizzle(h)
  const app = await startApp({ databases: [orders], store: h.database })
  const gid = await app.stepping.transaction(orders, async (tx, job) => {
    await tx.execute(sql`insert into orders (sku) values ('same')`)
    return job.addStep(app.note, 'same').gid
  })
  await app.noted('same')
  expect(await h.barrier(gid)).toEqual([])
  expect(await h.skus()).toEqual(['same'])
})

test('jobs stored over Drizzle, data over pg, the same database: one insert and no barrier row', async () => {
  const h = await openForTest()
  const app = await startApp({ databases: [h.database], store: throughDrizzle(h) })
  const gid = await app.stepping.transaction(h.database, async (client, job) => {
    await order(client, 'same')
    return job.addStep(app.note, 'same').gid
  })
  await app.noted('same')
  expect(await h.barrier(gid)).toEqual([])
  expect(await h.skus()).toEqual(['same'])
})

test('jobs stored over Drizzle, data over pg in another database: prepared, and submitted', async () => {
  const h = await openForTest()
  const store = await openForTest()
  const app = await startApp({ databases: [h.database], store: throughDrizzle(store) })
  const gid = await app.stepping.transaction(h.database, async (client, job) => {
    await order(client, 'other')
    return job.addStep(app.note, 'other').gid
  })
  await app.noted('other')
  expect(await h.barrier(gid)).toEqual(['msg'])
  expect(await store.barrier(gid)).toEqual([])
})
