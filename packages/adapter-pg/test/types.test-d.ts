import { createStepping, defineStep } from '@stepping/core'
import type { AnyDatabase, CommittableJob, Database, JobSteps, Stepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { CommittableSqlContext, SqlDatabase } from '@stepping/sql'
import { Client, Pool } from 'pg'
import type { PoolClient } from 'pg'
import { expectTypeOf, test } from 'vitest'
import { pg } from '../src/index.ts'
import type { PgTransactionOptions } from '../src/index.ts'

const note = defineStep({ name: 'Note', run() {} })
const orders = pg(new Pool(), { name: 'orders' })

declare const stepping: Stepping
declare const client: PoolClient
declare const work: () => Promise<void>

test("tx is pg's own client", async () => {
  expectTypeOf(orders).toEqualTypeOf<
    SqlDatabase<PoolClient, PgTransactionOptions, CommittableSqlContext>
  >()
  const found = await stepping.transaction(orders, async (tx, job) => {
    expectTypeOf(tx).toEqualTypeOf<PoolClient>()
    expectTypeOf(job).toEqualTypeOf<JobSteps>()
    return (await tx.query<{ sku: string }>('select sku from orders')).rows
  })
  expectTypeOf(found).toEqualTypeOf<{ sku: string }[]>()
})

test('a job on a client can commit', async () => {
  const job = stepping.createJob(orders.context(client))
  expectTypeOf(job).toEqualTypeOf<CommittableJob>()
  await job.addStep(note).start()
})

test('a transaction has options', async () => {
  await stepping.transaction(orders, work, { database: { isolationLevel: 'serializable' } })
  await stepping.transaction(orders, work, { database: { accessMode: 'read only' } })
  // @ts-expect-error no such level
  await stepping.transaction(orders, work, { database: { isolationLevel: 'chaos' } })
  // @ts-expect-error no such option
  await stepping.transaction(orders, work, { database: { level: 'serializable' } })
})

test('it is a database wherever one is wanted', () => {
  expectTypeOf(orders).toExtend<AnyDatabase>()
  expectTypeOf(orders).toExtend<Database<PoolClient>>()
  createStepping({
    app: 'shop',
    tm: selfTm({ database: orders }),
    databases: [orders],
    steps: [note],
  })
})

test('what is no client of a pool is refused', () => {
  // @ts-expect-error a pool
  orders.context(new Pool())
  // @ts-expect-error a client of its own
  orders.context(new Client())
})

test('what is no pool, or has no name, is refused', () => {
  // @ts-expect-error a client
  pg(new Client(), { name: 'orders' })
  // @ts-expect-error no name
  pg(new Pool(), {})
  // @ts-expect-error an option of other databases
  pg(new Pool(), { name: 'orders', prefix: 'stepping_' })
})
