import { newGid } from '@stepping/core'
import { sql } from '@stepping/sql'
import { QueryTypes, Sequelize } from 'sequelize'
import type { Transaction } from 'sequelize'
import { shownByInnodb } from '@stepping/test-support'
import { describe, expect, test } from 'vitest'
import { startApp } from '../../adapter-pg/test/app.ts'
import { sequelize } from '../src/index.ts'
import { begun, mariadb, mysql2, newKey, openForTest } from './harness.ts'
import type { Harness } from './harness.ts'

/** A deadlock whose victim is this transaction, which has changed less; its error is swallowed. */
async function sufferDeadlock(h: Harness, transaction: Transaction): Promise<void> {
  const change = (whose: Transaction, condition: string): Promise<unknown> =>
    h.db.query(`update held set n = n + 1 where ${condition}`, { transaction: whose })
  await h.db.query(`create table if not exists held (id int primary key, n int) engine=InnoDB`)
  await h.db.query(`insert ignore into held select seq, 0 from seq_1_to_100`)
  const rival = await h.db.transaction()
  await change(transaction, 'id = 1')
  await change(rival, 'id > 1')
  const waiting = change(rival, 'id = 1')
  await shownByInnodb(async () => {
    const waits = await h.query(
      `select 1 from information_schema.innodb_trx where trx_state = 'LOCK WAIT' and trx_query like '%held%'`,
    )
    expect(waits.length).toBeGreaterThan(0)
  })
  const error = await change(transaction, 'id = 2').catch((reason: unknown) => reason)
  await waiting
  await rival.rollback()
  expect(error).toMatchObject({ parent: { errno: 1213 } })
}

describe.each([mysql2, mariadb])('over $name', (product) => {
  test('a deadlock whose error was swallowed rejects, and runs no step', async () => {
    const h = await openForTest(product)
    const app = await startApp({ databases: [h.database], store: h.database })
    const failed = app.stepping.transaction(h.database, async (transaction, job) => {
      await h.orders.create({ sku: 'lost' }, { transaction })
      await sufferDeadlock(h, transaction)
      job.addStep(app.note, 'lost')
    })
    await expect(failed).rejects.toMatchObject({ code: expect.stringMatching(/^TRANSACTION_/) })
    await app.settled()
    expect(app.notes).not.toContain('lost')
    expect(await h.skus()).not.toContain('lost')
  })

  test('a deadlock whose error was swallowed rejects a transaction without a step as well', async () => {
    const h = await openForTest(product)
    const failed = h.database.transaction((transaction) => sufferDeadlock(h, transaction))
    await expect(failed).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
  })

  test('a deadlock in a transaction of the user refuses the job, and start()', async () => {
    const h = await openForTest(product)
    const app = await startApp({ databases: [h.database], store: h.database })
    await begun(h, async (transaction) => {
      const context = h.database.context(transaction)
      await sufferDeadlock(h, transaction)
      for (const send of ['prepareAndInsertBarrier', 'start'] as const) {
        const job = app.stepping.createJob(context).addStep(app.note, 'lost')
        await expect(job[send]()).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
      }
    })
    await app.settled()
    expect(app.notes).not.toContain('lost')
  })

  test('a statement that ends the transaction, such as DDL, rejects', async () => {
    const h = await openForTest(product)
    const app = await startApp({ databases: [h.database], store: h.database })
    const failed = app.stepping.transaction(h.database, async (transaction, job) => {
      await h.db.query('create table other (n int)', { transaction })
      job.addStep(app.note, 'after DDL')
    })
    await expect(failed).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    await app.settled()
    expect(app.notes).not.toContain('after DDL')
  })

  test('a context is refused as soon as the COMMIT of its transaction is called for', async () => {
    const h = await openForTest(product)
    const key = await newKey(h.database)
    let late: Promise<unknown> | undefined
    await h.database.transaction(async (transaction) => {
      const context = h.database.context(transaction)
      // In the first moment in which the COMMIT is under way.
      setImmediate(() => {
        late = h.database.barrier.insert(context, key).catch((error: unknown) => error)
      })
    })
    expect(await late).toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('the options of Sequelize are those of the transaction', async () => {
    const h = await openForTest(product)
    const before = 'select count(*) as n from orders'
    await h.database.transaction(
      async (transaction) => {
        const count = (): Promise<object[]> =>
          h.db.query(before, { transaction, type: QueryTypes.SELECT })
        const first = await count()
        await h.orders.create({ sku: 'meanwhile' })
        expect(await count()).not.toEqual(first) // it would be the same at REPEATABLE READ
      },
      { isolationLevel: 'READ COMMITTED' as never },
    )
  })

  test('an error of a statement repeats neither it nor its values', async () => {
    const h = await openForTest(product)
    const secret = sql`select ${'hunter2'} from nowhere`
    const error = await h.database.run(secret).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ errno: 1146 })
    expect((error as Error).message).not.toContain('hunter2')
  })

  test('a server that cannot be reached is named without the password', async () => {
    const dialect = product === mysql2 ? 'mysql' : 'mariadb'
    const db = new Sequelize('shop', 'app', 'hunter2', {
      dialect,
      host: '127.0.0.1',
      port: 1,
      logging: false,
    })
    const database = sequelize(db, { name: `orders-${newGid()}` })
    const error = await database.identity().catch((reason: Error) => reason)
    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect((error as Error).message).toContain('mysql://app@127.0.0.1:1/shop')
    expect((error as Error).message).not.toContain('hunter2')
  })

  test('a connection that somebody gave back in a transaction commits our statement all the same', async () => {
    const h = await openForTest(product, { config: { pool: { max: 1 } } })
    await h.db.query('start transaction')
    await h.database.run(sql`insert into orders (sku) values ('committed')`)
    expect(await h.skus()).toEqual(['committed'])
  })
})

describe('the proof of a commit', () => {
  test.each([
    { ...mysql2, expected: true },
    { ...mariadb, expected: false },
  ])(
    'over $name is $expected when ours was the last before it',
    async ({ expected, ...product }) => {
      const h = await openForTest(product)
      const key = await newKey(h.database)
      let proof: (() => boolean) | undefined
      await h.database.transaction(async (transaction) => {
        const context = h.database.context(transaction)
        proof = () => context.provedCommit!()
        await h.database.barrier.insert(context, key)
      })
      expect(proof!()).toBe(expected)
    },
  )

  test.each([mysql2, mariadb])('over $name is missing when another came after', async (product) => {
    const h = await openForTest(product)
    const key = await newKey(h.database)
    let proof: (() => boolean) | undefined
    await h.database.transaction(async (transaction) => {
      const context = h.database.context(transaction)
      proof = () => context.provedCommit!()
      await h.database.barrier.insert(context, key)
      await h.orders.count({ transaction })
    })
    expect(proof!()).toBe(false)
  })
})
