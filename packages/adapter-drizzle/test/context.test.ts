import { sql } from 'drizzle-orm'
import { drizzle as overNodePostgres } from 'drizzle-orm/node-postgres'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { drizzlePostgres } from '../src/index.ts'
import { begin, drivers, newKey, nodePostgres, pglite, postgresJs } from './harness.ts'
import type { Harness, Tx } from './harness.ts'

const unusable = expect.objectContaining({ code: 'TRANSACTION_UNUSABLE' })
const invalid = expect.objectContaining({ code: 'DATABASE_INVALID' })

describe.each(drivers)('a context over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
  })
  afterAll(async () => {
    await h.close()
  })

  test('of an open transaction that the user opened is usable', async () => {
    await h.db.transaction(async (tx) => {
      await expect(h.database.context(tx).assertUsable()).resolves.toBeUndefined()
    })
  })

  test('of a nested transaction writes with it', async () => {
    const key = await newKey(h.database)
    await h.database.transaction(async (tx) => {
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

  test('of the database itself is refused', () => {
    expect(() => h.database.context(h.db as unknown as Tx)).toThrow(unusable)
  })

  test("of another database's transaction is refused", async () => {
    const other = await driver.open({ migrated: false })
    onTestFinished(() => other.close())
    await other.db.transaction(async (tx) => {
      expect(() => h.database.context(tx)).toThrow(unusable)
    })
  })

  test('of a transaction in which a statement failed writes nothing', async () => {
    const key = await newKey(h.database)
    const failed = h.database.transaction(async (tx) => {
      const context = h.database.context(tx)
      await tx.execute(sql`select 1 / 0`).catch(() => {})
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
    })
    await expect(failed).rejects.toBeInstanceOf(Error)
    expect(await h.barrier(key.gid)).toEqual([])
  })
})

describe.each([nodePostgres, pglite])('a transaction that is over, over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open({ max: 1 })
  })
  afterAll(async () => {
    await h.close()
  })

  test.each(['committed', 'rolled back'])('is refused when it %s', async (end) => {
    const open = await begin(h.database)
    await (end === 'committed' ? open.commit() : open.rollback())
    expect(() => h.database.context(open.tx)).toThrow(unusable)
  })

  test('is refused by the context that was made in time', async () => {
    const key = await newKey(h.database)
    const open = await begin(h.database)
    const context = h.database.context(open.tx)
    await open.commit()
    await expect(context.assertUsable()).rejects.toEqual(unusable)
    await expect(h.database.barrier.insert(context, key)).rejects.toEqual(unusable)
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test.each(['ours', "the user's"])(
    'is refused while another one uses its connection (%s)',
    async (whose) => {
      const first = await begin(whose === 'ours' ? h.database : h.db)
      const context = h.database.context(first.tx)
      await first.commit()
      const second = await begin(h.database)
      expect(() => h.database.context(first.tx)).toThrow(unusable)
      await expect(context.assertUsable()).rejects.toEqual(unusable)
      await expect(h.database.context(second.tx).assertUsable()).resolves.toBeUndefined()
    },
  )
})

describe('a context over node-postgres', () => {
  let h: Harness
  beforeAll(async () => {
    h = await nodePostgres.open({ max: 1 })
  })
  afterAll(async () => {
    await h.close()
  })

  test('of a transaction that its own callback committed is refused, and tells of that', async () => {
    const ended = h.database.transaction(async (tx) => {
      const context = h.database.context(tx)
      await tx.execute(sql`commit`)
      await context.assertUsable()
    })
    await expect(ended).rejects.toThrow(/something in the callback sent COMMIT/)
  })

  test('is refused when a statement in the transaction failed', async () => {
    const open = await begin(h.database)
    const context = h.database.context(open.tx)
    await open.tx.execute(sql`select 1 / 0`).catch(() => {})
    // The state comes after the error, at the latest before the next answer.
    await open.tx.execute(sql`select 1`).catch(() => {})
    await expect(context.assertUsable()).rejects.toEqual(unusable)
    expect(() => h.database.context(open.tx)).toThrow(unusable)
  })

  test('is refused when the user ended the transaction by a statement', async () => {
    const open = await begin(h.database)
    const context = h.database.context(open.tx)
    await open.tx.execute(sql`commit`)
    await expect(context.assertUsable()).rejects.toEqual(unusable)
  })

  test('cannot tell a finished handle that it never saw open, and says so', async () => {
    const first = await begin(h.db)
    await first.commit()
    await begin(h.database)
    expect(() => h.database.context(first.tx)).not.toThrow()
    expect(h.database.limits.finishedHandles).toMatch(/reuses the connection/)
  })
})

describe('a context over postgres-js', () => {
  test('is refused when its transaction is over', async () => {
    const h = await postgresJs.open()
    onTestFinished(() => h.close())
    const open = await begin(h.database)
    await open.commit()
    expect(() => h.database.context(open.tx)).toThrow(unusable)
  })

  test('is refused by the server when its transaction was never seen open', async () => {
    const h = await postgresJs.open()
    onTestFinished(() => h.close())
    const tx = await h.db.transaction(async (each) => each)
    await expect(h.database.context(tx).assertUsable()).rejects.toMatchObject({
      code: 'TRANSACTION_UNUSABLE',
    })
  })

  test('is usable when the user opened its transaction', async () => {
    const h = await postgresJs.open()
    onTestFinished(() => h.close())
    await h.db.transaction(async (tx) => {
      await expect(h.database.context(tx).assertUsable()).resolves.toBeUndefined()
    })
  })

  test('cannot tell a finished handle whose connection another transaction uses, and says so', async () => {
    const h = await postgresJs.open({ max: 1 })
    onTestFinished(() => h.close())
    const tx = await h.db.transaction(async (each) => each)
    await h.db.transaction(async () => {
      await expect(h.database.context(tx).assertUsable()).resolves.toBeUndefined()
    })
    expect(h.database.limits.finishedHandles).toMatch(/does not show the state/)
  })
})

describe('drizzlePostgres', () => {
  test('refuses Drizzle over a single client of node-postgres', () => {
    const db = overNodePostgres(new Client())
    expect(() => drizzlePostgres(db, { name: 'orders' })).toThrow(invalid)
    expect(() => drizzlePostgres(db, { name: 'orders' })).toThrow(/over a pg Pool/)
  })

  test('refuses a transaction in place of a database', async () => {
    const h = await nodePostgres.open({ migrated: false })
    onTestFinished(() => h.close())
    await h.db.transaction(async (tx) => {
      expect(() => drizzlePostgres(tx, { name: 'orders' })).toThrow(invalid)
    })
  })

  test('refuses what is not Drizzle', () => {
    const client = {} as Harness['db']
    expect(() => drizzlePostgres(client, { name: 'orders' })).toThrow(invalid)
  })

  test('refuses a schema name that would have to be quoted', () => {
    const options = { name: 'orders', schema: 'Stepping"; drop table orders; --' }
    expect(() => drizzlePostgres(overNodePostgres(new Pool()), options)).toThrow(invalid)
  })
})
