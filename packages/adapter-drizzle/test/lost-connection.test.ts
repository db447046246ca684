import { createStepping, defineStep, silentLogger } from '@stepping/core'
import { sql } from 'drizzle-orm'
import { drizzle as overNodePostgres } from 'drizzle-orm/node-postgres'
import { drizzle as overPostgresJs } from 'drizzle-orm/postgres-js'
import { freshDatabase } from '@stepping/test-support'
import { Client, Pool } from 'pg'
import connect from 'postgres'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { drizzlePostgres } from '../src/index.ts'
import { selfTm } from './harness.ts'

/** An empty database, and a connection of the test's own to it. */
async function openServer(): Promise<{ url: string; admin: Client }> {
  const database = await freshDatabase(inject('postgresUrl'), 'lost connection')
  onTestFinished(() => database.drop())
  const admin = new Client({ connectionString: database.url })
  await admin.connect()
  onTestFinished(() => admin.end())
  await admin.query('create table orders (who text)')
  return { url: database.url, admin }
}

test('postgres-js: a callback that outlives its connection does not end another transaction', async () => {
  const { url, admin } = await openServer()
  const client = connect(url, { max: 1, onnotice() {} })
  onTestFinished(() => client.end())
  const orders = drizzlePostgres(overPostgresJs(client), { name: 'orders' })
  await orders.migrate()
  const aGoesOn = Promise.withResolvers<void>()
  const a = orders.transaction(async (tx) => {
    const [row] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    await admin.query('select pg_terminate_backend($1)', [row!.pid])
    await aGoesOn.promise
    throw new Error('the service said no')
  })
  await expect(a).rejects.toThrow(/CONNECTION|terminating/)
  await orders.transaction(async (tx) => {
    await tx.execute(sql`insert into orders values ('B')`)
    aGoesOn.resolve()
    // A's callback ends while B's transaction is open on the connection that replaced A's; what
    // the driver sends for A stands before the last of these.
    for (let trips = 0; trips < 3; trips++) await tx.execute(sql`select 1`)
  })
  expect((await admin.query('select who from orders')).rows).toEqual([{ who: 'B' }])
})

test('postgres-js: a context whose transaction is over refuses to write', async () => {
  const { url, admin } = await openServer()
  const client = connect(url, { max: 1, onnotice() {} })
  onTestFinished(() => client.end())
  const orders = drizzlePostgres(overPostgresJs(client), { name: 'orders' })
  const tried = Promise.withResolvers<unknown>()
  const lost = orders.transaction(async (tx) => {
    const context = orders.context(tx)
    const [row] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    await admin.query('select pg_terminate_backend($1)', [row!.pid])
    await lost.catch(() => {})
    await context.assertUsable().catch(tried.resolve)
  })
  await expect(lost).rejects.toThrow(/CONNECTION|terminating/)
  expect(await tried.promise).toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
})

test('node-postgres: a connection given back in a transaction is not used again', async () => {
  const { url, admin } = await openServer()
  const pool = new Pool({ connectionString: url, max: 1, query_timeout: 200 })
  onTestFinished(() => pool.end())
  const orders = drizzlePostgres(overNodePostgres(pool), { name: 'orders' })
  const step = defineStep({ name: 'Mail', run() {} })
  const stepping = createStepping({
    app: 'shop',
    tm: selfTm({ database: orders }),
    steps: [step],
    execute: false,
    logger: silentLogger,
  })
  onTestFinished(() => stepping.close())
  await stepping.migrate()
  // Its ROLLBACK waits behind the slow statement, and is given up before it was sent.
  const slow = stepping.transaction(orders, (tx) => tx.execute(sql`select pg_sleep(1)`))
  await expect(slow).rejects.toThrow(/pg_sleep/)
  await vi.waitFor(
    async () => {
      const asleep = await admin.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`,
      )
      expect(asleep.rows).toEqual([])
    },
    { timeout: 10_000, interval: 50 },
  )
  const { gid } = await stepping.createJob().addStep(step).start()
  const { rows } = await admin.query('select state from stepping.job where gid = $1', [gid])
  expect(rows).toEqual([{ state: 'submitted' }])
})
