import { createPool as createCallbackPool } from 'mysql2'
import { createConnection, createPool } from 'mysql2/promise'
import type { Pool, PoolConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { mysql2 } from '../src/index.ts'
import { startApp } from './app.ts'
import { begun, committed, newKey, open, openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

const unusable = expect.objectContaining({ code: 'TRANSACTION_UNUSABLE' })
const invalid = expect.objectContaining({ code: 'DATABASE_INVALID' })

describe('a context', () => {
  let h: Harness
  beforeAll(async () => {
    h = await open()
  })
  afterAll(() => h.close())

  test('of the pool is refused', () => {
    expect(() => h.database.context(h.pool as unknown as PoolConnection)).toThrow(/a Pool has none/)
  })

  test('of a connection of no pool is refused', async () => {
    const connection = await createConnection(h.url)
    onTestFinished(() => connection.end())
    await connection.beginTransaction()
    expect(() => h.database.context(connection as PoolConnection)).toThrow(unusable)
  })

  test('of another pool’s connection is refused, also to the same database', async () => {
    const other = createPool(h.url)
    onTestFinished(() => other.end())
    await begun({ pool: other }, async (connection) => {
      expect(() => h.database.context(connection)).toThrow(/another pool/)
    })
  })

  test('of a connection that was given back is refused', async () => {
    const connection = await committed(h, async (each) => each)
    expect(() => h.database.context(connection)).toThrow(/given back/)
  })

  test('of a connection without a transaction is refused by the server', async () => {
    const connection = await h.pool.getConnection()
    onTestFinished(() => connection.release())
    const key = await newKey(h.database)
    const context = h.database.context(connection)
    await expect(context.assertUsable()).rejects.toMatchObject({
      code: expect.stringMatching(/^TRANSACTION_(UNUSABLE|LOST)$/) as string,
    })
    await expect(h.database.barrier.insert(context, key)).rejects.toMatchObject({
      code: 'TRANSACTION_LOST',
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('of a transaction that nobody began tells a job so, by its gid', async () => {
    const connection = await h.pool.getConnection()
    onTestFinished(() => connection.release())
    const { stepping, note } = await startApp({ databases: [h.database], store: h.database })
    const job = stepping.createJob(h.database.context(connection)).addStep(note, 'never')
    await expect(job.prepareAndInsertBarrier()).rejects.toMatchObject({
      code: 'TRANSACTION_LOST',
      gid: job.gid,
      message: expect.stringMatching(
        new RegExp(`none was begun: await connection.beginTransaction\\(\\).*gid is ${job.gid}`),
      ) as string,
    })
  })

  test('of a transaction that is not begun yet is usable when its BEGIN was sent before', async () => {
    const connection = await h.pool.getConnection()
    onTestFinished(() => connection.release())
    const beginning = connection.beginTransaction()
    await expect(h.database.context(connection).assertUsable()).resolves.toBeUndefined()
    await beginning
    await connection.rollback()
  })

  test.each(['commit', 'rollback'] as const)('is refused after %s', async (end) => {
    const key = await newKey(h.database)
    await begun(h, async (connection) => {
      const context = h.database.context(connection)
      await context.assertUsable()
      await connection[end]()
      await expect(h.database.barrier.insert(context, key)).rejects.toMatchObject({
        code: 'TRANSACTION_LOST',
      })
      await expect(context.assertUsable()).rejects.toBeInstanceOf(Error)
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('may be looked at twice: a prepare that failed is repeated', async () => {
    const key = await newKey(h.database)
    await committed(h, async (connection) => {
      const context = h.database.context(connection)
      await context.assertUsable()
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
    })
    expect(await h.barrier(key.gid)).toEqual(['msg'])
  })

  test('may follow another one on the same connection', async () => {
    const keys = [await newKey(h.database), await newKey(h.database)]
    const connection = await h.pool.getConnection()
    for (const key of keys) {
      await connection.beginTransaction()
      const context = h.database.context(connection)
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
      await context.commit()
      expect(context.provedCommit!()).toBe(true)
      await expect(context.commit()).rejects.toEqual(unusable)
    }
    connection.release()
    for (const key of keys) expect(await h.barrier(key.gid)).toEqual(['msg'])
  })

  test('proves nothing where something was sent after its statement', async () => {
    await begun(h, async (connection) => {
      const context = h.database.context(connection)
      await context.assertUsable()
      await h.database.barrier.insert(context, await newKey(h.database))
      void order(connection, 'not awaited')
      await context.commit()
      expect(context.provedCommit!()).toBe(false)
    })
    expect(await h.skus()).toContain('not awaited')
  })

  test('leaves one row of its own behind, which is cleaned away by its age', async () => {
    const fresh = await openForTest()
    const key = await newKey(fresh.database)
    await committed(fresh, async (connection) => {
      const context = fresh.database.context(connection)
      await context.assertUsable()
      await fresh.database.barrier.insert(context, key)
    })
    const options = {
      owners: ['shop'],
      over: async () => new Set<string>(),
      active: async () => new Set<string>(),
    }
    expect(await fresh.database.prune(options)).toBe(0)
    await fresh.query('update stepping_once set over_at = over_at - interval 60 day')
    expect(await fresh.database.prune(options)).toBe(1)
    expect(await fresh.query('select gid from stepping_once')).toEqual([])
    expect(await fresh.query('select gid from stepping_barrier')).toEqual([{ gid: key.gid }])
  })
})

describe('the context of a transaction that this adapter opened', () => {
  test('has no commit: that is sent after its work', async () => {
    const h = await openForTest()
    await h.database.transaction(async (connection) => {
      expect(h.database.context(connection)).not.toHaveProperty('commit')
    })
  })

  test('writes nothing but its barrier row', async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    await h.database.transaction(async (connection) => {
      const context = h.database.context(connection)
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
    })
    expect(await h.query('select gid from stepping_barrier')).toEqual([{ gid: key.gid }])
  })
})

describe('mysql2', () => {
  test('takes a pool with callbacks', async () => {
    const h = await openForTest()
    const pool = createCallbackPool(h.url)
    onTestFinished(() => pool.promise().end())
    const database = mysql2(pool, { name: 'callbacks' })
    await database.transaction((connection) => order(connection, 'through callbacks'))
    expect(await h.skus()).toEqual(['through callbacks'])
  })

  test('refuses a single connection in place of a pool', async () => {
    const h = await openForTest()
    const connection = await createConnection(h.url)
    onTestFinished(() => connection.end())
    const call = (): unknown => mysql2(connection as unknown as Pool, { name: 'orders' })
    expect(call).toThrow(invalid)
    expect(call).toThrow(/takes a Pool/)
  })

  test.each([{}, { pool: {} }])('refuses %j', (nothing) => {
    expect(() => mysql2(nothing as unknown as Pool, { name: 'orders' })).toThrow(invalid)
  })

  test.each([undefined, null])('refuses %s', (nothing: unknown) => {
    expect(() => mysql2(nothing as Pool, { name: 'orders' })).toThrow(invalid)
  })

  test('refuses a prefix that would have to be quoted', async () => {
    const options = { name: 'orders', prefix: 'Stepping`; drop table orders; --' }
    const pool = createPool('mysql://localhost')
    onTestFinished(() => pool.end())
    expect(() => mysql2(pool, options)).toThrow(invalid)
  })
})
