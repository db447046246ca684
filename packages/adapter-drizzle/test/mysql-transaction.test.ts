import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/mysql2'
import { describe, expect, test, vi } from 'vitest'
import { drizzleMysql } from '../src/index.ts'
import { newKey, openForTest, orders } from './mysql-harness.ts'
import type { Harness, Tx } from './mysql-harness.ts'

const outOfStock = new Error('out of stock')

/** Cuts the connection of the transaction, and waits until the server has noticed. */
async function cut(h: Harness, tx: Tx): Promise<void> {
  const [rows] = await tx.execute(sql`select connection_id() as id`)
  const { id } = (rows as unknown as { id: number }[])[0]!
  await h.query(`kill ${id}`)
  await vi.waitFor(async () => {
    expect(
      await h.query('select 1 from information_schema.processlist where id = ?', [id]),
    ).toEqual([])
  })
}

describe("Drizzle's own things", () => {
  test('are there in the transaction: schema, relations, savepoints, its own roll-back', async () => {
    const h = await openForTest()
    await h.database.transaction(async (tx) => {
      await tx.insert(orders).values({ sku: 'kept' })
      await tx
        .transaction(async (inner) => {
          await inner.insert(orders).values({ sku: 'undone' })
          inner.rollback()
        })
        .catch(() => {})
      expect(await tx.query.orders.findMany()).toMatchObject([{ sku: 'kept' }])
    })
    expect(await h.skus()).toEqual(['kept'])
    const rolledBack = h.database.transaction(async (tx) => {
      await tx.insert(orders).values({ sku: 'never' })
      tx.rollback()
    })
    await expect(rolledBack).rejects.toThrow('Rollback')
    expect(await h.skus()).toEqual(['kept'])
  })

  test('options are its own', async () => {
    const h = await openForTest()
    const writing = h.database.transaction(
      async (tx) => void (await tx.insert(orders).values({ sku: 'none' })),
      { isolationLevel: 'serializable', accessMode: 'read only' },
    )
    await expect(writing).rejects.toMatchObject({ cause: { errno: 1792 } })
  })
})

test('proves its commit when the barrier was its last statement', async () => {
  const h = await openForTest()
  const key = await newKey(h.database)
  const context = await h.database.transaction(async (tx) => {
    await tx.insert(orders).values({ sku: 'A1' })
    const bound = h.database.context(tx)
    await bound.assertUsable()
    await h.database.barrier.insert(bound, key)
    return bound
  })
  expect(context.provedCommit!()).toBe(true)
})

test('a second context in the transaction takes the proof from the first', async () => {
  const h = await openForTest()
  const [first, second] = await h.database.transaction(async (tx) => {
    const contexts = [h.database.context(tx), h.database.context(tx)] as const
    for (const context of contexts) {
      await h.database.barrier.insert(context, await newKey(h.database))
    }
    return contexts
  })
  expect([first.provedCommit!(), second.provedCommit!()]).toEqual([false, true])
})

describe('a lost connection', () => {
  test('before BEGIN keeps no place in the pool', async () => {
    const h = await openForTest({ connectionLimit: 1 })
    const getConnection = h.pool.getConnection.bind(h.pool)
    for (let i = 0; i < 3; i++) {
      vi.spyOn(h.pool, 'getConnection').mockImplementationOnce(async () => {
        const connection = await getConnection()
        connection.destroy()
        return connection
      })
      await expect(h.database.transaction(async () => 'reached')).rejects.toBeInstanceOf(Error)
    }
    await expect(h.database.transaction(async () => 'reached')).resolves.toBe('reached')
  })

  test('leaves the error of the work as it is', async () => {
    const h = await openForTest({ connectionLimit: 1 })
    const lost = h.database.transaction(async (tx) => {
      await cut(h, tx)
      throw outOfStock
    })
    await expect(lost).rejects.toBe(outOfStock)
    await expect(h.database.transaction(async () => 'reached')).resolves.toBe('reached')
  })

  test('after the COMMIT was answered changes nothing', async () => {
    const h = await openForTest({ connectionLimit: 1 })
    let commits = 0
    h.pool.pool.on('acquire', (core) => {
      const query = core.query.bind(core) as (...args: unknown[]) => unknown
      const cutting = (...args: unknown[]): unknown => {
        const [statement] = args as [string | { sql: string }]
        if ((typeof statement === 'string' ? statement : statement.sql) === 'commit') commits++
        // Drizzle's own comes second.
        if (commits === 2) core.destroy()
        return query(...args)
      }
      Object.assign(core, { query: cutting })
    })
    const value = await h.database.transaction(async (tx) => {
      await tx.insert(orders).values({ sku: 'committed' })
      return 'value'
    })
    expect(commits).toBe(2)
    expect(value).toBe('value')
    expect(await h.skus()).toEqual(['committed'])
  })
})

test('a swallowed error that ended the transaction is no commit', async () => {
  const h = await openForTest()
  const key = await newKey(h.database)
  const swallowed = h.database.transaction(async (tx) => {
    await tx.insert(orders).values({ sku: 'before the DDL' })
    await tx.execute(sql`create table made (n int)`)
    await h.database.barrier.insert(h.database.context(tx), key)
  })
  await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
  expect(await h.barrier(key.gid)).toEqual([])
})

test('casing, loggers and a cache of Drizzle’s do not see this library’s statements', async () => {
  const h = await openForTest()
  const seen: string[] = []
  const logger = { logQuery: (query: string) => void seen.push(query) }
  const db = drizzle(h.pool, { logger, casing: 'snake_case' })
  const database = drizzleMysql(db, { name: 'logged' })
  await database.transaction(async (tx) => {
    await database.barrier.insert(database.context(tx), await newKey(h.database))
  })
  expect(seen).toEqual(['begin', 'commit'])
})
