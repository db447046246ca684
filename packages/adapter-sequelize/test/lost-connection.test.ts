import { sql } from '@stepping/sql'
import type { Transaction } from 'sequelize'
import { describe, expect, test } from 'vitest'
import { begun, expectWarnings, newKey, openForTest, postgres } from './harness.ts'
import type { Harness } from './harness.ts'

const outOfStock = new Error('out of stock')

/** Ends the connection of the transaction, and waits until that is known here. */
async function cut(h: Harness, transaction: Transaction): Promise<void> {
  const { connection } = transaction as unknown as {
    connection: { processID: number; once(event: 'end', listener: () => void): void }
  }
  const ended = new Promise<void>((resolve) => connection.once('end', resolve))
  await h.query('select pg_terminate_backend(?)', [connection.processID])
  await ended
}

describe('a connection that is lost', () => {
  test('leaves the error of the work as it is, and its place in the pool is free again', async () => {
    expectWarnings()
    const h = await openForTest(postgres, { config: { pool: { max: 1 } } })
    const lost = h.database.transaction(async (transaction) => {
      await cut(h, transaction)
      throw outOfStock
    })
    await expect(lost).rejects.toBe(outOfStock)
    await expect(h.database.atomically(async () => 'reached')).resolves.toBe('reached')
    await expect(h.database.run(sql`select 1`)).resolves.toBeDefined()
  })

  test('before the COMMIT was sent leaves the outcome unknown', async () => {
    expectWarnings()
    const h = await openForTest(postgres)
    const lost = h.database.transaction(async (transaction) => {
      await h.orders.create({ sku: 'lost' }, { transaction })
      await cut(h, transaction)
    })
    await expect(lost).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    expect(await h.skus()).toEqual([])
  })

  test("in the user's own transaction writes nothing, and leaves its commit unknown", async () => {
    expectWarnings()
    const h = await openForTest(postgres)
    const key = await newKey(h.database)
    await begun(h, async (transaction) => {
      const context = h.database.context(transaction)
      await cut(h, transaction)
      await expect(h.database.barrier.insert(context, key)).rejects.toBeInstanceOf(Error)
      await expect(context.commit()).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })
})

describe('a connection that somebody gave back in a transaction', () => {
  test('is not used for a statement of this library, which would go with that', async () => {
    const h = await openForTest(postgres, { config: { pool: { max: 1 } } })
    await h.db.query('begin')
    await h.database.run(sql`insert into orders (sku) values ('committed')`)
    expect(await h.skus()).toEqual(['committed'])
  })
})

describe('a statement that takes longer than query_timeout', () => {
  test('does not leave its transaction to whoever gets the connection next', async () => {
    expectWarnings()
    const config = { pool: { max: 1 }, dialectOptions: { query_timeout: 300 } }
    const h = await openForTest(postgres, { config })
    const slow = h.database.transaction(async (transaction) => {
      await h.orders.create({ sku: 'slow' }, { transaction })
      await h.db.query('select pg_sleep(1)', { transaction })
    })
    await expect(slow).rejects.toThrow('Query read timeout')
    await h.database.run(sql`insert into orders (sku) values ('next')`)
    expect(await h.skus()).toEqual(['next'])
  })
})
