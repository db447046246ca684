import { newGid } from '@stepping/core'
import { sql } from '@stepping/sql'
import { startPostgres } from '@stepping/test-support'
import type { PostgresServer } from '@stepping/test-support'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Pool } from 'pg'
import type { PoolConfig } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { pg } from '../src/index.ts'
import { newKey, openForTest } from './harness.ts'
import type { TestDatabase } from './harness.ts'

const nowhere = { host: '127.0.0.1', port: '1', user: 'app', password: 'hunter2', database: 'shop' }

/** What messages say of it. */
const address = 'postgres://app@127.0.0.1:1/shop'

describe('a database that cannot be reached', () => {
  test.each([
    ['a URL', { connectionString: 'postgres://app:hunter2@127.0.0.1:1/shop' }],
    ['options', { ...nowhere, port: 1 }],
  ])('says where it is, from %s, without the password', async (_from, config) => {
    await expectUnreachable(open(config), address)
  })

  test('says where it is, from the environment, without the password', async () => {
    for (const [name, value] of Object.entries(nowhere))
      vi.stubEnv(`PG${name.toUpperCase()}`, value)
    onTestFinished(() => void vi.unstubAllEnvs())
    await expectUnreachable(open({}), address)
  })

  test('because its pool gives no connection in time says so', async () => {
    const h = await openForTest({ pool: { max: 1, connectionTimeoutMillis: 100 } })
    const client = await h.pool.connect()
    onTestFinished(() => client.release())
    await expectUnreachable(h.database, 'timeout exceeded')
  })
})

describe('a server', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
    await requirePassword(server)
  })
  afterAll(() => server.stop())

  const config = (): PoolConfig => ({
    host: '127.0.0.1',
    port: Number(new URL(server.url).port),
    user: 'app',
    password: 'hunter2',
    database: 'postgres',
  })

  test('that refuses the password is unreachable', async () => {
    await expectUnreachable(open({ ...config(), password: 'wrong-hunter2' }), '/postgres')
  })

  test('that does not have the database is unreachable', async () => {
    await expectUnreachable(open({ ...config(), database: 'nowhere' }), '/nowhere')
  })

  test('that is down is unreachable for every question, and is reached when it is back', async () => {
    const database = open(config())
    await database.migrate()
    const key = await newKey(database)
    await server.shutdown()
    const questions = {
      resolve: () => database.barrier.resolve(key),
      migrate: () => database.migrate(),
      run: () => database.run(sql`select 1`),
      atomically: () => database.atomically(async () => {}),
    }
    for (const [name, ask] of Object.entries(questions)) {
      const error = await ask().catch((reason: unknown) => reason)
      expect({ name, error }).toMatchObject({ name, error: { code: 'DATABASE_UNREACHABLE' } })
    }
    await server.start()
    await vi.waitFor(async () => expect(await database.barrier.resolve(key)).toBe('rolledBack'), {
      timeout: 10_000,
    })
  })
})

test('the error of a statement is that of the driver, without its values', async () => {
  const h = await openForTest()
  const secret = sql`select ${'hunter2'}::text from nowhere`
  const asks = [
    () => h.database.run(secret),
    () => h.database.transaction((client) => h.database.context(client).execute(secret)),
  ]
  for (const ask of asks) {
    const error = await ask().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: '42P01' })
    expect(JSON.stringify(error)).not.toContain('hunter2')
  }
})

function open(config: PoolConfig): TestDatabase {
  const pool = new Pool(config)
  onTestFinished(() => pool.end())
  return pg(pool, { name: `orders-${newGid()}` })
}

async function expectUnreachable(database: TestDatabase, part: string): Promise<void> {
  const fresh = sql`select 1`
  const error = await database.run(fresh).catch((reason: Error) => reason)
  expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  expect((error as Error).message).toContain(part)
  expect((error as Error).message).not.toContain('hunter2')
}

/** Makes a login with a password; a server of the tests begins by trusting everyone. */
async function requirePassword({ url, dataDir }: PostgresServer): Promise<void> {
  const admin = new Pool({ connectionString: url, max: 1 })
  await admin.query(`create role app login superuser password 'hunter2'`)
  const rules = ['postgres 127.0.0.1/32 trust', 'app 127.0.0.1/32 scram-sha-256']
  await writeFile(join(dataDir, 'pg_hba.conf'), rules.map((rule) => `host all ${rule}\n`).join(''))
  await admin.query('select pg_reload_conf()')
  await admin.end()
  const asApp = Object.assign(new URL(url), { username: 'app', password: 'wrong' })
  const refused = new Pool({ connectionString: asApp.href, max: 1 })
  await vi.waitFor(async () => {
    await expect(refused.query('select 1')).rejects.toThrow(/password/)
  })
  await refused.end()
}
