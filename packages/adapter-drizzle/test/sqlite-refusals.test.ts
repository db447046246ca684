import { createClient } from '@libsql/client'
import { createStepping, defineStep, silentLogger } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import { drizzle as overBetterSqlite3 } from 'drizzle-orm/better-sqlite3'
import { drizzle as overLibsql } from 'drizzle-orm/libsql'
import { drizzle as overProxy } from 'drizzle-orm/sqlite-proxy'
import { rm } from 'node:fs/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { drizzleSqlite } from '../src/index.ts'
import {
  betterSqlite3,
  fileDrivers,
  freshFolder,
  libsqlFile,
  libsqlOverHttp,
  openMigrated,
} from './sqlite-drivers.ts'
import type { Db } from './sqlite-drivers.ts'

const invalid = (message: RegExp): object => ({
  code: 'DATABASE_INVALID',
  message: expect.stringMatching(message) as unknown,
})

function thrown(make: () => unknown): unknown {
  try {
    return make()
  } catch (error) {
    return error
  }
}

describe('what drizzleSqlite does not take', () => {
  test.each([':memory:', ''])('better-sqlite3 in memory (%j) is refused at once', (name) => {
    const client = new Sqlite(name)
    expect(
      thrown(() => drizzleSqlite(overBetterSqlite3({ client }), { name: 'orders' })),
    ).toMatchObject(invalid(/in memory/))
  })

  test('libSQL in memory is refused before anything is done', async () => {
    const db = overLibsql({ client: createClient({ url: ':memory:' }) })
    const orders = drizzleSqlite(db, { name: 'orders' })
    await expect(orders.migrate()).rejects.toMatchObject(invalid(/in memory/))
  })

  test('an embedded replica of libSQL is refused', async () => {
    const open = await libsqlOverHttp.open()
    const folder = await freshFolder()
    onTestFinished(async () => {
      await open.close()
      await folder.remove()
    })
    const client = createClient({ url: `file:${folder.path}/replica.db`, syncUrl: open.place })
    onTestFinished(() => client.close())
    const orders = drizzleSqlite(overLibsql({ client }), { name: 'orders' })
    await expect(orders.migrate()).rejects.toMatchObject(invalid(/embedded replica/))
  })

  test.each(fileDrivers)('connect over $name has to open a new connection', async (driver) => {
    const open = await driver.open()
    onTestFinished(() => open.close())
    const { $client } = open.db as unknown as { $client: unknown }
    await expect(open.over({ connect: () => $client }).migrate()).rejects.toMatchObject(
      invalid(/a second time/),
    )
  })

  test.each(fileDrivers)('connect over $name has to open the same file', async (driver) => {
    const [open, other] = [await driver.open(), await driver.open()]
    onTestFinished(async () => {
      await open.close()
      await other.close()
    })
    const connect = (): unknown => (other.connect().db as unknown as { $client: unknown }).$client
    await expect(open.over({ connect }).migrate()).rejects.toMatchObject(
      invalid(/has opened .*, and the database is/),
    )
  })

  test('a read-only connection is refused', async () => {
    const folder = await freshFolder()
    onTestFinished(() => folder.remove())
    const file = `${folder.path}/shop.db`
    new Sqlite(file).close()
    const client = new Sqlite(file, { readonly: true })
    expect(
      thrown(() => drizzleSqlite(overBetterSqlite3({ client }), { name: 'orders' })),
    ).toMatchObject(invalid(/read-only/))
  })

  test('another driver is refused by name', () => {
    const db = overProxy(async () => ({ rows: [] }))
    expect(thrown(() => drizzleSqlite(db, { name: 'orders' }))).toMatchObject(
      invalid(/better-sqlite3 or libSQL, and got SqliteRemoteDatabase/),
    )
  })

  test('a prefix that is no identifier is refused', async () => {
    const open = await betterSqlite3.open()
    onTestFinished(() => open.close())
    expect(thrown(() => open.over({ prefix: 'my-tables' }))).toMatchObject(invalid(/table prefix/))
  })
})

describe.each(fileDrivers)('over $name', (driver) => {
  test('a client that the app has closed is named', async () => {
    const open = await openMigrated(driver)
    const other = open.connect()
    const orders = drizzleSqlite(other.db, { name: 'orders' })
    await orders.identity()
    other.close()
    await expect(orders.run({ strings: text('select 1'), values: [] })).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining('is closed'),
    })
    await expect(orders.transaction(async () => {})).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    })
  })

  test('a file that cannot be opened again is unreachable', async () => {
    const open = await driver.open()
    onTestFinished(() => open.close())
    const other = open.connect(open.place.replace('shop', 'gone'))
    onTestFinished(() => other.close())
    const orders = drizzleSqlite(other.db, { name: 'orders' })
    await rm(open.place.replace('/shop.db', ''), { recursive: true })
    await expect(orders.migrate()).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  })

  test('a job inside a transaction of the same database is refused, it would wait for itself', async () => {
    const { database } = await openMigrated(driver)
    const send = defineStep({ name: 'Send', run() {} })
    const stepping = createStepping({
      app: 'shop',
      tm: selfTm({ database }),
      databases: [database],
      steps: [send],
      logger: silentLogger,
    })
    onTestFinished(() => stepping.close())
    await stepping.migrate()
    const nested = { code: 'TRANSACTION_NESTED' }
    await stepping.transaction(database, async () => {
      await expect(stepping.createJob().addStep(send).start()).rejects.toMatchObject(nested)
      await expect(
        stepping.createJob({ independent: true }).addStep(send).start(),
      ).rejects.toMatchObject(nested)
      await expect(
        stepping.transaction(database, async () => {}, { independent: true }),
      ).rejects.toMatchObject(nested)
    })
  })
})

test.each([betterSqlite3, libsqlOverHttp])(
  "a transaction of the app's own is refused over $name, with the reason",
  async (driver) => {
    const { db, database } = await openMigrated(driver)
    const reason = database.limits.ownTransactions!
    const own = async (tx: Db): Promise<void> => {
      expect(thrown(() => database.context(tx as never))).toMatchObject({
        code: 'TRANSACTION_UNUSABLE',
        message: expect.stringContaining(reason),
      })
    }
    // better-sqlite3's callback must not return a promise.
    if (driver === betterSqlite3) await db.transaction(((tx: Db) => void own(tx)) as never)
    else await db.transaction(own)
  },
)

test.each([
  ['normal', 'synchronous = 1'],
  ['off', 'synchronous = 0'],
])(
  "over a libSQL file, the app's own transaction with synchronous = %s is refused: its commit could be lost",
  async (setting, found) => {
    const { db, database } = await openMigrated(libsqlFile)
    await db.run(sql.raw(`pragma synchronous = ${setting}`))
    await db.transaction(async (tx) => {
      await expect(database.context(tx).assertUsable()).rejects.toMatchObject({
        code: 'TRANSACTION_UNUSABLE',
        message: expect.stringContaining(found),
      })
    })
  },
)

test("over a libSQL file, the app's own transaction as libSQL opens it is taken", async () => {
  const { db, database } = await openMigrated(libsqlFile)
  await db.transaction(async (tx) => {
    await expect(database.context(tx).assertUsable()).resolves.toBeUndefined()
  })
})

function text(query: string): TemplateStringsArray {
  return Object.assign([query], { raw: [query] })
}
