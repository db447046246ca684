import { createStepping, defineStep } from '@stepping/core'
import type { AnyDatabase, CommittableJob, Database, JobSteps, Stepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { MongoClient } from 'mongodb'
import type { ClientSession, TransactionOptions } from 'mongodb'
import { expectTypeOf, test } from 'vitest'
import { mongo } from '../src/index.ts'
import type { MongoContext, MongoDatabase } from '../src/index.ts'

const note = defineStep({ name: 'Note', run() {} })
const client = new MongoClient('mongodb://localhost')
const orders = mongo(client.db('orders'), { name: 'orders' })

declare const stepping: Stepping
declare const session: ClientSession
declare const work: () => Promise<void>

test("tx is the driver's own session", async () => {
  expectTypeOf(orders).toEqualTypeOf<MongoDatabase>()
  expectTypeOf(orders).toExtend<Database<ClientSession, MongoContext, TransactionOptions>>()
  const found = await stepping.transaction(orders, async (tx, job) => {
    expectTypeOf(tx).toEqualTypeOf<ClientSession>()
    expectTypeOf(job).toEqualTypeOf<JobSteps>()
    return await client.db().collection<{ sku: string }>('orders').findOne({}, { session: tx })
  })
  expectTypeOf(found!.sku).toEqualTypeOf<string>()
})

test('a job on a session can commit', async () => {
  const job = stepping.createJob(orders.context(session))
  expectTypeOf(job).toEqualTypeOf<CommittableJob>()
  await job.addStep(note).start()
})

test('the options of a transaction are those of the driver', async () => {
  await stepping.transaction(orders, work, { database: { readConcern: { level: 'snapshot' } } })
  // @ts-expect-error no such level
  await stepping.transaction(orders, work, { database: { readConcern: { level: 'chaos' } } })
  // @ts-expect-error no such option
  await stepping.transaction(orders, work, { database: { isolationLevel: 'serializable' } })
})

test('it is a database wherever one is wanted, also for the jobs', () => {
  expectTypeOf(orders).toExtend<AnyDatabase>()
  createStepping({
    app: 'shop',
    tm: selfTm({ database: orders, history: { keepMs: 1_000 } }),
    databases: [orders],
    steps: [note],
  })
})

test('what is no session is refused', () => {
  // @ts-expect-error a database
  orders.context(client.db())
  // @ts-expect-error a client
  orders.context(client)
})

test('a client, or a database without a name, is refused', () => {
  // @ts-expect-error a client has many databases
  mongo(client, { name: 'orders' })
  // @ts-expect-error no name
  mongo(client.db(), {})
})

test('nothing is any', () => {
  expectTypeOf<Parameters<typeof orders.context>[0]>().not.toBeAny()
  expectTypeOf<ReturnType<MongoContext['execute']>>().not.toBeAny()
})
