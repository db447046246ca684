import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { createStepping, defineStep } from '@stepping/core'
import type { JobSteps, Stepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { pg } from '../src/index.ts'
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

/** As many transactions as the pool has connections; none goes on before all are open. */
async function placeTwo(
  stepping: Stepping,
  orders: ReturnType<typeof throughDrizzle>,
  add: (job: JobSteps) => void,
): Promise<PromiseSettledResult<void>[]> {
  const open = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  return await Promise.allSettled(
    open.map((mine, i) =>
      stepping.transaction(orders, async (tx, job) => {
        await tx.execute(sql`insert into orders (sku) values (${`order ${i}`})`)
        add(job)
        mine.resolve()
        await Promise.all(open.map(({ promise }) => promise))
      }),
    ),
  )
}

describe('transactions that hold all connections of the pool that the store has, too,', () => {
  test.each([true, false])(
    'need no other one for an insert into the same database (started: %s)',
    async (isStarted) => {
      const h = await openForTest({ name: 'jobs', pool: { max: 2 } })
      const orders = drizzlePostgres(drizzle(h.pool), { name: 'orders' })
      const step = defineStep({ name: 'Ship', run() {} })
      const stepping = createStepping({
        app: 'shop',
        tm: selfTm({ database: h.database }),
        databases: [orders],
        steps: [step],
      })
      await stepping.migrate()
      onTestFinished(() => stepping.close())
      if (isStarted) await stepping.start()
      const placed = await placeTwo(stepping, orders, (job) => void job.addStep(step))
      expect(placed.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
      expect(await h.skus()).toHaveLength(2)
    },
  )

  test('are rolled back in two phases, which need another one, and it is said why', async () => {
    const h = await openForTest({ pool: { max: 2 } })
    const store = pg(h.pool, { name: 'jobs', schema: 'elsewhere' })
    const app = await startApp({ databases: [h.database], store, leaseMs: 500 })
    const orders = drizzlePostgres(drizzle(h.pool), { name: 'orders through Drizzle' })
    const other = await startApp({ databases: [orders], store, leaseMs: 500 })
    const placed = await placeTwo(
      other.stepping,
      orders,
      (job) => void job.addStep(other.note, 'x'),
    )
    const reasons = placed.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
    expect(reasons.length).toBeGreaterThan(0)
    for (const reason of reasons) {
      expect(reason).toMatchObject({ code: 'DATABASE_UNREACHABLE', gid: expect.any(String) })
      expect(String(reason)).toMatch(/did not answer within 0\.5 s.*a pool of its own/)
    }
    expect(await h.skus()).toHaveLength(2 - reasons.length)
    await app.settled()
  })
})
