import { createStepping, defineStep } from '@stepping/core'
import type { AnyDatabase, CommittableJob, Database, JobSteps, Stepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { CommittableSqlContext, SqlDatabase } from '@stepping/sql'
import { createPool as createCallbackPool } from 'mysql2'
import { createConnection, createPool } from 'mysql2/promise'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { expectTypeOf, test } from 'vitest'
import { mysql2 } from '../src/index.ts'
import type { Mysql2TransactionOptions } from '../src/index.ts'

const note = defineStep({ name: 'Note', run() {} })
const pool = createPool('mysql://localhost')
const orders = mysql2(pool, { name: 'orders' })

declare const stepping: Stepping
declare const connection: PoolConnection
declare const work: () => Promise<void>

test("tx is mysql2's own connection", async () => {
  expectTypeOf(orders).toEqualTypeOf<
    SqlDatabase<PoolConnection, Mysql2TransactionOptions, CommittableSqlContext>
  >()
  const found = await stepping.transaction(orders, async (tx, job) => {
    expectTypeOf(tx).toEqualTypeOf<PoolConnection>()
    expectTypeOf(job).toEqualTypeOf<JobSteps>()
    return (await tx.query<RowDataPacket[]>('select sku from orders'))[0]
  })
  expectTypeOf(found).toEqualTypeOf<RowDataPacket[]>()
})

test('a job on a connection can commit', async () => {
  const job = stepping.createJob(orders.context(connection))
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
  expectTypeOf(orders).toExtend<Database<PoolConnection>>()
  createStepping({
    app: 'shop',
    tm: selfTm({ database: orders }),
    databases: [orders],
    steps: [note],
  })
})

test('a pool with callbacks is one, too', () => {
  expectTypeOf(mysql2(createCallbackPool('mysql://localhost'), { name: 'orders' })).toEqualTypeOf(
    orders,
  )
})

test('what is no connection of a pool is refused', async () => {
  // @ts-expect-error a pool
  orders.context(pool)
  // @ts-expect-error a connection of its own
  orders.context(await createConnection('mysql://localhost'))
})

test('what is no pool, or has no name, is refused', async () => {
  // @ts-expect-error a connection
  mysql2(await createConnection('mysql://localhost'), { name: 'orders' })
  // @ts-expect-error no name
  mysql2(pool, {})
  // @ts-expect-error an option of other databases
  mysql2(pool, { name: 'orders', schema: 'stepping' })
})
