import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from '@stepping/sql'
import { startPostgres } from '@stepping/test-support'
import type { PostgresServer } from '@stepping/test-support'
import { Client } from 'pg'
import type { Pool, PoolClient } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { drivers, messagesOf, newKey, nodePostgres, serverDrivers } from './harness.ts'
import type { Driver, Harness } from './harness.ts'

const password = 'hunter2'

describe.each(serverDrivers)('a server over $name', (driver) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
    await requirePassword(server)
  })
  afterAll(async () => {
    await server.stop()
  })

  async function open(change: (url: URL) => void = () => {}): Promise<Harness> {
    const url = new URL(server.url)
    url.username = 'app'
    url.password = password
    change(url)
    const h = await driver.open({ url: url.href, migrated: false })
    onTestFinished(() => h.close())
    return h
  }

  /** The address as messages show it. */
  function address(database = 'postgres'): string {
    return `postgres://app@127.0.0.1:${new URL(server.url).port}/${database}`
  }

  test('that refuses the password is unreachable, and nothing repeats the password', async () => {
    const wrong = 'wrong-hunter2'
    const h = await open((url) => (url.password = wrong))
    const error = await rejection(h.database.identity())
    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect(error).toHaveProperty('message', expect.stringContaining(address()))
    expect(messagesOf(error).join()).not.toContain(wrong)
  })

  test('that wants a password where none is given is unreachable', async () => {
    const h = await open((url) => (url.password = ''))
    await expect(h.database.identity()).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  })

  test('that does not have the database is unreachable', async () => {
    const h = await open((url) => (url.pathname = 'nowhere'))
    await expect(h.database.identity()).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining(address('nowhere')),
    })
  })

  test('that is down is unreachable for every question, and is reached when it is back', async () => {
    const h = await open()
    await h.database.migrate()
    const key = await newKey(h.database)
    await server.shutdown()
    const questions = {
      identity: () => h.over({ name: 'fresh' }).identity(),
      resolve: () => h.database.barrier.resolve(key),
      migrate: () => h.database.migrate(),
      run: () => h.database.run(sql`select 1`),
    }
    for (const [name, ask] of Object.entries(questions)) {
      const error = await rejection(ask())
      expect({ name, error }).toMatchObject({
        name,
        error: { code: 'DATABASE_UNREACHABLE', message: expect.stringContaining(address()) },
      })
      expect(messagesOf(error).join()).not.toContain(password)
    }
    await server.start()
    await vi.waitFor(async () => expect(await h.database.barrier.resolve(key)).toBe('rolledBack'), {
      timeout: 10_000,
    })
  })
})

describe.each(drivers)('the error of a statement over $name', (driver) => {
  test.each([
    ['outside a transaction', async (h: Harness) => await h.database.run(secret)],
    [
      'in a transaction of its own',
      async (h: Harness) => await h.database.atomically(async (execute) => await execute(secret)),
    ],
    [
      "in the user's transaction",
      async (h: Harness) =>
        await h.database.transaction(async (tx) => await h.database.context(tx).execute(secret)),
    ],
  ])('is that of the driver, without the query and its values (%s)', async (_, run) => {
    const h = await shared(driver)
    const error = await rejection(run(h))
    expect(error).toMatchObject({ code: '42P01' })
    const messages = messagesOf(error).join()
    expect(messages).toContain('nowhere')
    expect(messages).not.toMatch(/hunter2|Failed query/)
  })
})

const secret = sql`select ${password}::text from nowhere`

describe('a connection over node-postgres', () => {
  test('that is lost before BEGIN is unreachable, and its place in the pool is free again', async () => {
    const h = await nodePostgres.open({ migrated: false, max: 1 })
    onTestFinished(() => h.close())
    const pool = (h.db as unknown as { $client: Pool }).$client
    pool.on('acquire', lose)
    const error = await rejection(h.database.atomically(async () => {}))
    pool.off('acquire', lose)
    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect(messagesOf(error).join()).not.toContain('Failed query')
    await expect(h.database.atomically(async () => 'reached')).resolves.toBe('reached')
  })
})

function lose(client: PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

const opened = new Map<Driver, Promise<Harness>>()

/** One for all tests of a driver. */
async function shared(driver: Driver): Promise<Harness> {
  const found = opened.get(driver) ?? driver.open({ migrated: false })
  opened.set(driver, found)
  return await found
}

afterAll(async () => {
  await Promise.all([...opened.values()].map(async (h) => await (await h).close()))
})

/** Makes a login with a password; a server of the tests begins by trusting everyone. */
async function requirePassword({ url, dataDir }: PostgresServer): Promise<void> {
  const admin = new Client({ connectionString: url })
  await admin.connect()
  await admin.query(`create role app login superuser password '${password}'`)
  const rules = ['postgres 127.0.0.1/32 trust', 'app 127.0.0.1/32 scram-sha-256']
  await writeFile(join(dataDir, 'pg_hba.conf'), rules.map((rule) => `host all ${rule}\n`).join(''))
  await admin.query('select pg_reload_conf()')
  await admin.end()
  await vi.waitFor(async () => {
    const asApp = Object.assign(new URL(url), { username: 'app' })
    const client = new Client({ connectionString: asApp.href })
    await expect(client.connect()).rejects.toThrow(/password/)
  })
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('This should have been rejected.')
}
