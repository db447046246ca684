import { pg } from '@stepping/adapter-pg'
import type { AnySqlDatabase } from '@stepping/sql'
import { Pool } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { startApp } from '../../adapter-pg/test/app.ts'
import { openForTest, postgres } from './harness.ts'
import type { Harness } from './harness.ts'

/** The same database through pg, under another name and on connections of its own. */
function throughPg({ url }: Harness): AnySqlDatabase & ReturnType<typeof pg> {
  const pool = new Pool({ connectionString: url })
  onTestFinished(() => pool.end())
  return pg(pool, { name: 'through pg' })
}

test('jobs stored over pg, data over Sequelize, the same database: one insert and no barrier row', async () => {
  const h = await openForTest(postgres)
  const app = await startApp({ databases: [h.database], store: throughPg(h) })
  const gid = await app.stepping.transaction(h.database, async (transaction, job) => {
    await h.orders.create({ sku: 'same' }, { transaction })
    return job.addStep(app.note, 'same').gid
  })
  await app.noted('same')
  expect(await h.barrier(gid)).toEqual([])
  expect(await h.skus()).toEqual(['same'])
})

test('jobs stored over Sequelize, data over pg, the same database: one insert and no barrier row', async () => {
  const h = await openForTest(postgres, { name: 'jobs' })
  const orders = throughPg(h)
  const app = await startApp({ databases: [orders], store: h.database })
  const gid = await app.stepping.transaction(orders, async (client, job) => {
    await client.query(`insert into orders (sku) values ('same')`)
    return job.addStep(app.note, 'same').gid
  })
  await app.noted('same')
  expect(await h.barrier(gid)).toEqual([])
  expect(await h.skus()).toEqual(['same'])
})

test('jobs stored over Sequelize in another database: prepared, and submitted', async () => {
  const h = await openForTest(postgres)
  const store = await openForTest(postgres, { name: 'jobs' })
  const app = await startApp({ databases: [h.database], store: store.database })
  const gid = await app.stepping.transaction(h.database, async (_transaction, job) => {
    return job.addStep(app.note, 'other').gid
  })
  await app.noted('other')
  expect(await h.barrier(gid)).toEqual(['msg'])
  expect(await store.barrier(gid)).toEqual([])
})
