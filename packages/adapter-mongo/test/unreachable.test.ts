import { startMongo } from '@stepping/test-support'
import type { MongoServer } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { messagesOf, newKey, open, order, rejection } from './harness.ts'
import type { Harness } from './harness.ts'

const password = 'hunter2'

describe('a server', () => {
  let server: MongoServer
  beforeAll(async () => {
    server = await startMongo({ auth: true })
    await using admin = new MongoClient(server.url)
    await admin.db('admin').command({ createUser: 'app', pwd: password, roles: ['root'] })
  })
  afterAll(async () => {
    await server.stop()
  })

  async function openAs(given: string): Promise<Harness> {
    const url = new URL(server.url)
    Object.assign(url, { username: 'app', password: given, pathname: '/shop' })
    url.searchParams.set('authSource', 'admin')
    url.searchParams.set('serverSelectionTimeoutMS', '500')
    return await open({ url: url.href, migrated: false })
  }

  /** The address as messages show it. */
  function address(): string {
    return `mongodb://app@127.0.0.1:${new URL(server.url).port}/shop`
  }

  test('that refuses the password is unreachable, and nothing repeats the password', async () => {
    const h = await openAs('wrong-hunter2')
    const error = await rejection(h.database.identity())
    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect(error).toHaveProperty('message', expect.stringContaining(address()))
    expect(messagesOf(error).join()).not.toContain('hunter2')
  })

  test('that is down is unreachable for every question, and is reached when it is back', async () => {
    const h = await openAs(password)
    await h.database.migrate()
    const key = await newKey(h.database)
    await server.shutdown()
    const questions = {
      identity: () => h.over({ name: 'fresh' }).identity(),
      resolve: () => h.database.barrier.resolve(key),
      migrate: () => h.database.migrate(),
      run: () => h.database.run({ ping: 1 }),
      atomically: () => h.database.atomically((execute) => execute({ find: 'orders' })),
    }
    for (const [name, ask] of Object.entries(questions)) {
      const error = await rejection(ask())
      expect({ name, error }).toMatchObject({
        name,
        error: {
          code: 'DATABASE_UNREACHABLE',
          message: expect.stringContaining(address()) as string,
        },
      })
      expect(messagesOf(error).join()).not.toContain(password)
    }
    const own = h.database.transaction((session) => order(h, session, 'down'))
    await expect(own).rejects.toMatchObject({ name: 'MongoServerSelectionError' })
    await server.start()
    await vi.waitFor(async () => expect(await h.database.barrier.resolve(key)).toBe('rolledBack'), {
      timeout: 10_000,
    })
  })
})

test('a client that is closed is unreachable', async () => {
  const h = await open()
  await h.client.close()
  await expect(h.over({ name: 'fresh' }).identity()).rejects.toMatchObject({
    code: 'DATABASE_UNREACHABLE',
  })
})
