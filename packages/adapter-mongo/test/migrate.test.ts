import { safeAge } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { startMongo } from '@stepping/test-support'
import type { MongoServer } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { newKey, open } from './harness.ts'
import type { Harness } from './harness.ts'

async function migrateAll(h: Harness): Promise<void> {
  await h.database.migrate()
  await selfTm({ database: h.database }).migrate!()
}

/** Everything about the collections that tells one schema from another. */
async function shapeOf({ probe }: Harness): Promise<unknown> {
  const collections = await probe.listCollections({}, { nameOnly: false }).toArray()
  const shapes = collections.map(async ({ name, options }) => {
    const indexes = await probe.collection(name).indexes()
    return [name, { options, indexes: indexes.map((index) => ({ ...index, v: 0 })) }]
  })
  return Object.fromEntries(await Promise.all(shapes))
}

describe('migrate', () => {
  test('makes a database usable, and changes nothing when repeated', async () => {
    const h = await open({ migrated: false })
    await migrateAll(h)
    const before = await shapeOf(h)
    expect(Object.keys(before as object).toSorted()).toEqual([
      'stepping_barrier',
      'stepping_history',
      'stepping_job',
      'stepping_meta',
      'stepping_once',
      'stepping_wake',
    ])
    const identity = await h.database.identity()
    await migrateAll(h)
    expect(await shapeOf(h)).toEqual(before)
    expect(await h.over({ name: 'fresh' }).identity()).toBe(identity)
  })

  test('called eight times at once happens once', async () => {
    const h = await open({ migrated: false })
    const all = Array.from({ length: 8 }, (_, i) => h.over({ name: `orders ${i}` }))
    await Promise.all(all.map((database) => selfTm({ database }).migrate!()))
    await Promise.all(all.map((database) => database.migrate()))
    const identities = await Promise.all(all.map((database) => database.identity()))
    expect(new Set(identities).size).toBe(1)
  })

  test('gives a second database on one server its unique index', async () => {
    const first = await open()
    const second = first.over({ name: 'second', prefix: 'second_' })
    await second.migrate()
    const other = first.client.db(`${first.db.databaseName}_2`)
    onTestFinished(async () => void (await other.dropDatabase()))
    const third = (await import('../src/index.ts')).mongo(other, { name: 'third' })
    await third.migrate()
    for (const barrier of [
      first.db.collection('second_barrier'),
      other.collection('stepping_barrier'),
    ]) {
      const indexes = await barrier.indexes()
      expect(indexes).toContainEqual(
        expect.objectContaining({ name: 'uniq_barrier', unique: true }),
      )
    }
  })

  test('gives a barrier that was there before, with its rows, what it lacks', async () => {
    const h = await open({ migrated: false })
    const barrier = h.probe.collection('stepping_barrier')
    // As a client of DTM made it, with an index of its own name.
    await barrier.createIndex({ gid: 1, branch_id: 1, op: 1, barrier_id: 1 }, { unique: true })
    await h.database.migrate()
    const key = await newKey(h.database)
    expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    const changed = h.database.barrier.resolve({ ...key, identity: 'another' })
    await expect(changed).rejects.toMatchObject({ code: 'DATABASE_CHANGED' })
  })

  test.each([
    ['unique index', async (h: Harness) => void (await barrierOf(h).dropIndex('uniq_barrier'))],
    [
      'validator',
      async (h: Harness) =>
        void (await h.probe.command({ collMod: 'stepping_barrier', validator: {} })),
    ],
  ])('restores the %s, without which the database is refused', async (what, remove) => {
    const h = await open()
    await remove(h)
    const fresh = h.over({ name: 'fresh' })
    await expect(fresh.identity()).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringMatching(`lacks its ${what}: run .await stepping.migrate`) as string,
    })
    await fresh.migrate()
    await expect(fresh.identity()).resolves.toBe(await h.database.identity())
  })

  test('refuses collections of a newer version, and leaves them alone', async () => {
    const h = await open()
    const meta = h.probe.collection<{ _id: string }>('stepping_meta')
    await meta.updateOne({ _id: 'version:stepping' }, { $set: { value: 99 } })
    const fresh = h.over({ name: 'fresh' })
    await expect(fresh.identity()).rejects.toMatchObject({
      code: 'SCHEMA_NEWER',
      message: expect.stringContaining('have version 99') as string,
    })
    await expect(fresh.migrate()).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
  })

  test('is asked for where collections are missing or older', async () => {
    const h = await open({ migrated: false })
    const migrate = expect.stringContaining('await stepping.migrate()') as string
    await expect(h.database.identity()).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: migrate,
    })
    await h.database.migrate()
    const newer = { component: 'extra', version: 2, commands: () => [] }
    await expect(h.database.assertMigrated(newer)).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: migrate,
    })
    await h.database.migrateSet({ ...newer, version: 1 })
    await expect(h.database.assertMigrated(newer)).rejects.toMatchObject({
      code: 'SCHEMA_OLDER',
      message: migrate,
    })
    await h.database.migrateSet(newer)
    await expect(h.database.assertMigrated(newer)).resolves.toBeUndefined()
  })

  test('that another process ran is noticed', async () => {
    const h = await open({ migrated: false })
    await expect(h.database.identity()).rejects.toMatchObject({ code: 'SCHEMA_MISSING' })
    await h.over({ name: 'another process' }).migrate()
    await expect(h.database.identity()).resolves.toEqual(expect.any(String))
  })
})

describe('the rights', () => {
  let server: MongoServer
  beforeAll(async () => {
    server = await startMongo({ auth: true })
  })
  afterAll(async () => {
    await server.stop()
  })

  /** The database as a login with these roles sees it. */
  async function openAs(name: string, role: string): Promise<Harness> {
    const admin = await open({ url: server.url, migrated: false })
    await admin.client.db('shop').command({
      createUser: name,
      pwd: 'secret',
      roles: [role],
    })
    const url = new URL(server.url)
    Object.assign(url, { username: name, password: 'secret', pathname: '/shop' })
    return await open({ url: url.href, migrated: false })
  }

  test('to read and write are enough, also to migrate', async () => {
    const { database } = await openAs('app', 'readWrite')
    await database.migrate()
    await selfTm({ database }).migrate!()
    expect(await database.barrier.resolve(await newKey(database))).toBe('rolledBack')
  })

  test('that are missing are the error of the server', async () => {
    const { database } = await openAs('reader', 'read')
    await expect(database.migrate()).rejects.toMatchObject({ code: 13 })
  })
})

test('a server without a replica set is refused, and what to do is said', async () => {
  await using server = await startMongo({ standalone: true })
  const h = await open({ url: server.url, migrated: false })
  for (const ask of [() => h.database.migrate(), () => h.database.identity()]) {
    await expect(ask()).rejects.toMatchObject({
      code: 'DATABASE_INVALID',
      message: expect.stringMatching(/not part of a replica set.*rs\.initiate\(\)/) as string,
    })
  }
})

test.each([-1, 1])('a clock that is far off is refused (%i)', async (sign) => {
  const h = await open()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + sign * (safeAge.clockSkewMs + 60_000) })
  onTestFinished(() => void vi.useRealTimers())
  await expect(h.over({ name: 'fresh' }).identity()).rejects.toMatchObject({ code: 'CLOCK_SKEW' })
})

function barrierOf({ probe }: Harness) {
  return probe.collection('stepping_barrier')
}
