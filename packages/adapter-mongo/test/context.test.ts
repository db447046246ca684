import { MongoClient } from 'mongodb'
import type { ClientSession } from 'mongodb'
import { expect, onTestFinished, test } from 'vitest'
import { begin, insert, newKey, open, order } from './harness.ts'

const unusable = expect.objectContaining({ code: 'TRANSACTION_UNUSABLE' }) as unknown
const lost = expect.objectContaining({ code: 'TRANSACTION_LOST' }) as unknown

test('an open transaction of the user is usable', async () => {
  const h = await open()
  const context = h.database.context(begin(h))
  await expect(context.assertUsable()).resolves.toBeUndefined()
  expect(context.database).toBe(h.database)
})

test('a session without a transaction is refused', async () => {
  const h = await open()
  const session = h.client.startSession()
  onTestFinished(() => session.endSession())
  expect(() => h.database.context(session)).toThrow(unusable)
})

test.each(['commit', 'abort'] as const)(
  'a session whose transaction is over is refused (%s)',
  async (end) => {
    const h = await open()
    const session = begin(h)
    const context = h.database.context(session)
    await order(h, session, 'any')
    await session[`${end}Transaction`]()
    expect(() => h.database.context(session)).toThrow(unusable)
    await expect(context.assertUsable()).rejects.toEqual(unusable)
    const key = await newKey(h.database)
    await expect(h.database.barrier.insert(context, key)).rejects.toEqual(lost)
    await expect(context.commit()).rejects.toEqual(unusable)
    expect(await h.barrier(key.gid)).toEqual([])
  },
)

test('a session that has ended is refused', async () => {
  const h = await open()
  const session = begin(h)
  const context = h.database.context(session)
  await session.endSession()
  expect(() => h.database.context(session)).toThrow(/its session has ended/)
  await expect(context.assertUsable()).rejects.toEqual(unusable)
})

test('a context holds for one transaction of its session', async () => {
  const h = await open()
  const session = begin(h)
  const context = h.database.context(session)
  await session.abortTransaction()
  session.startTransaction()
  await expect(context.assertUsable()).rejects.toEqual(unusable)
  await expect(context.commit()).rejects.toThrow(/another one is open/)
  await expect(insert(h, session, await newKey(h.database))).resolves.toBeUndefined()
})

test('a session of another client is refused', async () => {
  const h = await open()
  const other = new MongoClient(h.url)
  onTestFinished(() => other.close())
  await using session = other.startSession()
  session.startTransaction()
  expect(() => h.database.context(session)).toThrow(/another MongoClient/)
})

test.each([
  ['nothing', undefined],
  ['an empty object', {}],
  ['a database', (h: { db: unknown }) => h.db],
])('%s is refused', async (_, mistake) => {
  const h = await open()
  const tx = (typeof mistake === 'function' ? mistake(h) : mistake) as ClientSession
  expect(() => h.database.context(tx)).toThrow(unusable)
})

test('a context of another kind of database writes nothing here', async () => {
  const h = await open()
  const context = { database: { dialect: 'postgres' }, assertUsable: async () => {} } as never
  const key = await newKey(h.database)
  await expect(h.database.barrier.insert(context, key)).rejects.toEqual(unusable)
})

test('what this adapter opened, a job cannot commit', async () => {
  const h = await open()
  await h.database.transaction(async (session) => {
    expect('commit' in h.database.context(session)).toBe(false)
  })
  expect('commit' in h.database.context(begin(h))).toBe(true)
})

test('a prefix that would have to be quoted is refused', async () => {
  const h = await open({ migrated: false })
  for (const prefix of ['', 'Stepping_', '$stepping', 'a.b', 'a'.repeat(64)]) {
    expect(() => h.over({ name: 'orders', prefix })).toThrow(
      expect.objectContaining({ code: 'DATABASE_INVALID' }) as Error,
    )
  }
})
