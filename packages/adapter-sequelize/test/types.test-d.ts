import { createStepping, defineStep } from '@stepping/core'
import type { AnyDatabase, CommittableJob, Database, JobSteps, Stepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { CommittableSqlContext, SqlDatabase } from '@stepping/sql'
import { Sequelize, Transaction } from 'sequelize'
import { expectTypeOf, test } from 'vitest'
import { sequelize } from '../src/index.ts'
import type { SequelizeTransactionOptions } from '../src/index.ts'

const note = defineStep({ name: 'Note', run() {} })
const db = new Sequelize('postgres://localhost/orders')
const orders = sequelize(db, { name: 'orders' })

declare const stepping: Stepping
declare const t: Transaction
declare const work: () => Promise<void>

test("tx is Sequelize's own transaction", async () => {
  expectTypeOf(orders).toEqualTypeOf<
    SqlDatabase<Transaction, SequelizeTransactionOptions, CommittableSqlContext>
  >()
  const found = await stepping.transaction(orders, async (tx, job) => {
    expectTypeOf(tx).toEqualTypeOf<Transaction>()
    expectTypeOf(job).toEqualTypeOf<JobSteps>()
    return 42
  })
  expectTypeOf(found).toEqualTypeOf<number>()
})

test('a job on a transaction can commit', async () => {
  const job = stepping.createJob(orders.context(t))
  expectTypeOf(job).toEqualTypeOf<CommittableJob>()
  await job.addStep(note).start()
})

test('the options of a transaction are those of Sequelize, without a parent', async () => {
  const isolationLevel = Transaction.ISOLATION_LEVELS.SERIALIZABLE
  await stepping.transaction(orders, work, { database: { isolationLevel } })
  // @ts-expect-error a savepoint does not commit
  await stepping.transaction(orders, work, { database: { transaction: t } })
  // @ts-expect-error no such option
  await stepping.transaction(orders, work, { database: { level: 'SERIALIZABLE' } })
})

test('it is a database wherever one is wanted', () => {
  expectTypeOf(orders).toExtend<AnyDatabase>()
  expectTypeOf(orders).toExtend<Database<Transaction>>()
  createStepping({
    app: 'shop',
    tm: selfTm({ database: orders }),
    databases: [orders],
    steps: [note],
  })
})

test('what is no transaction is refused', () => {
  // @ts-expect-error the instance
  orders.context(db)
  // @ts-expect-error not awaited
  orders.context(db.transaction())
})

test('what is no instance, or has no name, is refused', () => {
  // @ts-expect-error not made
  sequelize(Sequelize, { name: 'orders' })
  // @ts-expect-error no name
  sequelize(db, {})
})
