import { Sequelize } from 'sequelize'
import type { Transaction } from 'sequelize'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sequelize } from '../src/index.ts'
import { begun, newKey, openForTest, products } from './harness.ts'
import type { Harness } from './harness.ts'

const unusable = expect.objectContaining({ code: 'TRANSACTION_UNUSABLE' })
const invalid = expect.objectContaining({ code: 'DATABASE_INVALID' })

describe.each(products)('a context on $name', (product) => {
  let h: Harness
  beforeAll(async () => {
    h = await product.open()
  })
  afterAll(async () => {
    await h.close()
  })

  test('of the instance is refused, and told what to pass', () => {
    expect(() => h.database.context(h.db as unknown as Transaction)).toThrow(
      /the one that db\.transaction gave/,
    )
  })

  test('of a transaction that was not awaited is refused', async () => {
    const promise = h.db.transaction()
    expect(() => h.database.context(promise as unknown as Transaction)).toThrow(unusable)
    await (await promise).rollback()
  })

  test.each([undefined, null, 'x'])('of %s is refused', (nothing) => {
    expect(() => h.database.context(nothing as unknown as Transaction)).toThrow(unusable)
  })

  test('of another instance is refused, also to the same database', async () => {
    const other = await openForTest(product, { url: h.url })
    await begun(other, async (t) => {
      expect(() => h.database.context(t)).toThrow(/another instance/)
      await t.rollback()
    })
  })

  test.each(['commit', 'rollback'] as const)('is refused after %s', async (end) => {
    const t = await h.db.transaction()
    const context = h.database.context(t)
    await t[end]()
    expect(() => h.database.context(t)).toThrow(unusable)
    await expect(context.assertUsable()).rejects.toEqual(unusable)
    await expect(context.commit()).rejects.toEqual(unusable)
  })

  test('is refused from the moment that the end is called for, before that is done', async () => {
    const key = await newKey(h.database)
    const t = await h.db.transaction()
    const context = h.database.context(t)
    await context.assertUsable()
    const over = t.rollback()
    await expect(h.database.barrier.insert(context, key)).rejects.toEqual(unusable)
    await over
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('is refused when the user ended the transaction by a statement', async () => {
    await begun(h, async (t) => {
      const context = h.database.context(t)
      await h.db.query('rollback', { transaction: t })
      const key = await newKey(h.database)
      await expect(
        context.assertUsable().then(() => h.database.barrier.insert(context, key)),
      ).rejects.toMatchObject({ code: expect.stringMatching(/^TRANSACTION_(UNUSABLE|LOST)$/) })
      expect(await h.barrier(key.gid)).toEqual([])
      await t.rollback()
    })
  })

  test('of a savepoint is refused after it, and the one around it goes on', async () => {
    await begun(h, async (t) => {
      const savepoint = await h.db.transaction({ transaction: t })
      const inner = h.database.context(savepoint)
      await expect(inner.assertUsable()).resolves.toBeUndefined()
      await savepoint.commit()
      await expect(inner.assertUsable()).rejects.toEqual(unusable)
      await expect(h.database.context(t).assertUsable()).resolves.toBeUndefined()
      await t.rollback()
    })
  })

  test('has a commit where the user is to commit, and only there', async () => {
    await h.database.transaction(async (t) => {
      expect(h.database.context(t)).not.toHaveProperty('commit')
    })
    await begun(h, async (t) => {
      expect(h.database.context(t)).toHaveProperty('commit')
      const savepoint = await h.db.transaction({ transaction: t })
      expect(h.database.context(savepoint)).not.toHaveProperty('commit')
      await t.rollback()
    })
  })

  test('may be made many times in one transaction', async () => {
    await begun(h, async (t) => {
      for (let i = 0; i < 20; i++) h.database.context(t)
      await t.rollback()
    })
  })
})

describe('sequelize', () => {
  test('refuses what is no instance of Sequelize', () => {
    expect(() => sequelize({} as Sequelize, { name: 'orders' })).toThrow(invalid)
    expect(() => sequelize(undefined as unknown as Sequelize, { name: 'orders' })).toThrow(invalid)
  })

  test.each([
    ['sqlite', /does not show whether a transaction is open.*drizzleSqlite/],
    ['mssql', /for postgres, mysql, mariadb/],
  ])('refuses the dialect %s, and says why', (dialect, why) => {
    const db = { getDialect: () => dialect } as Sequelize
    expect(() => sequelize(db, { name: 'orders' })).toThrow(invalid)
    expect(() => sequelize(db, { name: 'orders' })).toThrow(why)
  })

  test('refuses pg-native, which does not show what COMMIT was answered', () => {
    const db = Object.create(
      new Sequelize('postgres://localhost/orders', { logging: false }),
    ) as Sequelize
    const connectionManager = { ...db.connectionManager, config: { native: true } }
    Object.defineProperty(db, 'connectionManager', { value: connectionManager })
    expect(() => sequelize(db, { name: 'orders' })).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED' }),
    )
  })

  test('refuses a schema name that would have to be quoted', () => {
    const db = new Sequelize('postgres://localhost/orders')
    const options = { name: 'orders', schema: 'Stepping"; drop table orders; --' }
    expect(() => sequelize(db, options)).toThrow(invalid)
  })
})
