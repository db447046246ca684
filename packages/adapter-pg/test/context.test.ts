import { Client, Pool } from 'pg'
import type { PoolClient } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { pg } from '../src/index.ts'
import { begun, committed, newKey, open, openForTest } from './harness.ts'
import type { Harness } from './harness.ts'

const unusable = expect.objectContaining({ code: 'TRANSACTION_UNUSABLE' })
const invalid = expect.objectContaining({ code: 'DATABASE_INVALID' })

describe('a context', () => {
  let h: Harness
  beforeAll(async () => {
    h = await open({ pool: { max: 2 } })
  })
  afterAll(async () => {
    await h.close()
  })

  test('of a pool is refused, and told to take a client', () => {
    expect(() => h.database.context(h.pool as unknown as PoolClient)).toThrow(/pool\.connect\(\)/)
  })

  test('of a client of its own is refused: it could be in two transactions at once', async () => {
    const client = new Client({ connectionString: h.url })
    await client.connect()
    onTestFinished(() => client.end())
    await client.query('begin')
    expect(() => h.database.context(client as PoolClient)).toThrow(unusable)
  })

  test('of a client of another database is refused', async () => {
    const other = await openForTest()
    await begun(other, async (client) => {
      expect(() => h.database.context(client)).toThrow(/another database/)
    })
  })

  test("of another pool's client to the same database is the same to it", async () => {
    const other = new Pool({ connectionString: h.url })
    onTestFinished(() => other.end())
    await begun({ pool: other }, async (client) => {
      await expect(h.database.context(client).assertUsable()).resolves.toBeUndefined()
    })
  })

  test('of a client without a transaction is refused, and told to begin one', async () => {
    const client = await h.pool.connect()
    onTestFinished(() => client.release())
    expect(() => h.database.context(client)).toThrow(/await client\.query\('begin'\) first/)
  })

  test('of a client whose begin was not awaited is refused', async () => {
    const client = await h.pool.connect()
    onTestFinished(() => client.release())
    const began = client.query('begin')
    expect(() => h.database.context(client)).toThrow(unusable)
    await began
    expect(() => h.database.context(client)).not.toThrow()
    await client.query('rollback')
  })

  test('of a transaction in which a statement failed is refused', async () => {
    await committed(h, async (client) => {
      const context = h.database.context(client)
      await client.query('select 1 / 0').catch(() => {})
      // The state comes after the error, at the latest before the next answer.
      await client.query('select 1').catch(() => {})
      expect(() => h.database.context(client)).toThrow(/can only be rolled back/)
      await expect(context.assertUsable()).rejects.toEqual(unusable)
    })
  })

  test.each(['commit', 'rollback'])('is refused after %s', async (end) => {
    const client = await h.pool.connect()
    onTestFinished(() => client.release())
    await client.query('begin')
    const context = h.database.context(client)
    await client.query(end)
    await expect(context.assertUsable()).rejects.toEqual(unusable)
    expect(() => h.database.context(client)).toThrow(unusable)
  })

  test('is refused when its transaction is over and the client is in the next one', async () => {
    const key = await newKey(h.database)
    await committed(h, async (client) => {
      const first = h.database.context(client)
      await client.query('commit')
      await client.query('begin')
      const second = h.database.context(client)
      await expect(first.assertUsable()).rejects.toEqual(unusable)
      await expect(h.database.barrier.insert(first, key)).rejects.toEqual(unusable)
      await expect(first.commit()).rejects.toEqual(unusable)
      await expect(second.assertUsable()).resolves.toBeUndefined()
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('cannot tell a client that it never saw open, and says so', async () => {
    const single = await openForTest({ pool: { max: 1 } })
    const first = await committed(single, async (client) => client)
    await begun(single, async () => {
      expect(() => single.database.context(first)).not.toThrow()
    })
    expect(single.database.limits.finishedHandles).toMatch(/reuses the client/)
  })

  test('may be made many times in one transaction', async () => {
    await begun(h, async (client) => {
      for (let i = 0; i < 20; i++) h.database.context(client)
      const { connection } = client as unknown as { connection: NodeJS.EventEmitter }
      expect(connection.listenerCount('commandComplete')).toBeLessThan(4)
    })
  })

  test('leaves no listener behind, whatever became of its transaction', async () => {
    const client = await h.pool.connect()
    onTestFinished(() => client.release())
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter }
    const before = connection.listenerCount('commandComplete')
    for (const end of ['commit', 'rollback']) {
      await client.query('begin')
      h.database.context(client)
      await client.query(end)
    }
    expect(connection.listenerCount('commandComplete')).toBe(before)
  })
})

describe('the context of a transaction that this adapter opened', () => {
  test('has no commit: that is sent after its work', async () => {
    const h = await openForTest()
    await h.database.transaction(async (client) => {
      expect(h.database.context(client)).not.toHaveProperty('commit')
    })
  })

  test('is refused as soon as its work is over', async () => {
    const h = await openForTest()
    const outlived = Promise.withResolvers<void>()
    await h.database.transaction(async (client) => {
      const context = h.database.context(client)
      setImmediate(() => {
        expect(() => h.database.context(client)).toThrow(unusable)
        context.assertUsable().then(
          () => outlived.reject(new Error('This should have been refused.')),
          () => outlived.resolve(),
        )
      })
    })
    await outlived.promise
  })
})

describe('pg', () => {
  test('refuses a single client in place of a pool', () => {
    const client = new Client() as unknown as Pool
    expect(() => pg(client, { name: 'orders' })).toThrow(invalid)
    expect(() => pg(client, { name: 'orders' })).toThrow(/takes a Pool/)
  })

  test.each([undefined, null, {}])('refuses %s', (nothing: unknown) => {
    expect(() => pg(nothing as Pool, { name: 'orders' })).toThrow(invalid)
  })

  test('refuses a schema name that would have to be quoted', () => {
    const options = { name: 'orders', schema: 'Stepping"; drop table orders; --' }
    expect(() => pg(new Pool(), options)).toThrow(invalid)
  })
})
