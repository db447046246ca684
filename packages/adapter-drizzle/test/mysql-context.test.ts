import { createPool as createCallbackPool } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import { drizzle } from 'drizzle-orm/mysql2'
import { describe, expect, onTestFinished, test } from 'vitest'
import { drizzleMysql } from '../src/index.ts'
import { newKey, openForTest, orders } from './mysql-harness.ts'
import type { Harness, Tx } from './mysql-harness.ts'

const unusable = expect.objectContaining({ code: 'TRANSACTION_UNUSABLE' })
const invalid = expect.objectContaining({ code: 'DATABASE_INVALID' })

describe('a context over mysql2', () => {
  test("of another Drizzle database's transaction is refused, also over the same pool", async () => {
    const h = await openForTest()
    const other = drizzle(h.pool)
    await other.transaction(async (tx) => {
      expect(() => h.database.context(tx as unknown as Tx)).toThrow(/another Drizzle database/)
    })
  })

  test("of the user's own transaction is usable, and refused after it", async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    const context = await h.db.transaction(async (tx) => {
      const bound = h.database.context(tx)
      await expect(bound.assertUsable()).resolves.toBeUndefined()
      return bound
    })
    await expect(context.assertUsable()).rejects.toEqual(unusable)
    await expect(h.database.barrier.insert(context, key)).rejects.toEqual(unusable)
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test("that outlived the user's own rolled-back transaction writes nothing into the next one", async () => {
    const h = await openForTest({ connectionLimit: 1 })
    const key = await newKey(h.database)
    const stop = new Error('stop')
    let context: ReturnType<typeof h.database.context> | undefined
    const first = h.db.transaction(async (tx) => {
      context = h.database.context(tx)
      await context.assertUsable()
      throw stop
    })
    await expect(first).rejects.toBe(stop)
    await h.db.transaction(async (tx) => {
      await tx.insert(orders).values({ sku: 'the next one' })
      await expect(h.database.barrier.insert(context!, key)).rejects.toMatchObject({
        code: 'TRANSACTION_LOST',
      })
    })
    expect(await h.barrier(key.gid)).toEqual([])
    expect(await h.skus()).toEqual(['the next one'])
  })

  test('of a nested transaction goes with its savepoint', async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    await h.db.transaction(async (tx) => {
      await tx
        .transaction(async (inner) => {
          const context = h.database.context(inner)
          await context.assertUsable()
          await h.database.barrier.insert(context, key)
          throw new Error('undone')
        })
        .catch(() => {})
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })
})

describe('drizzleMysql', () => {
  test('takes Drizzle over a pool with callbacks', async () => {
    const h = await openForTest()
    const pool = createCallbackPool(h.url)
    onTestFinished(() => pool.promise().end())
    const database = drizzleMysql(drizzle(pool), { name: 'callbacks' })
    await database.transaction(async (tx) => {
      await tx.insert(orders).values({ sku: 'through callbacks' })
      await database.barrier.insert(database.context(tx), await newKey(h.database))
    })
    expect(await h.skus()).toEqual(['through callbacks'])
  })

  test('refuses Drizzle over a single connection', async () => {
    const h = await openForTest()
    const connection = await createConnection(h.url)
    onTestFinished(() => connection.end())
    const call = (): unknown => drizzleMysql(drizzle(connection), { name: 'orders' })
    expect(call).toThrow(invalid)
    expect(call).toThrow(/takes a Pool/)
  })

  test('refuses a transaction in place of a database', async () => {
    const h = await openForTest()
    await h.db.transaction(async (tx) => {
      expect(() => drizzleMysql(tx, { name: 'orders' })).toThrow(invalid)
    })
  })

  test('refuses what is not Drizzle', () => {
    const client = {} as Harness['db']
    expect(() => drizzleMysql(client, { name: 'orders' })).toThrow(invalid)
  })

  test('refuses a prefix that would have to be quoted', async () => {
    const h = await openForTest()
    const options = { name: 'orders', prefix: 'Stepping`; drop table orders; --' }
    expect(() => drizzleMysql(h.db, options)).toThrow(invalid)
  })
})
