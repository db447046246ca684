import { newGid } from '@stepping/core'
import BetterSqlite3 from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import { describe, expect, onTestFinished, test } from 'vitest'
import { messagesOf } from './harness.ts'
import { betterSqlite3, fileDrivers, libsqlFile, notes, openMigrated } from './sqlite-drivers.ts'
import type { OpenSqlite, TestDatabase, Tx } from './sqlite-drivers.ts'

const outOfStock = new Error('out of stock')

/** A transaction that stays open until the test ends it. */
async function begin(database: TestDatabase): Promise<{
  tx: Tx
  end: (how: 'commit' | 'rollback') => Promise<void>
}> {
  const opened = Promise.withResolvers<Tx>()
  const ended = Promise.withResolvers<void>()
  const over = database
    .transaction(async (tx) => {
      opened.resolve(tx)
      await ended.promise
    })
    .catch((error: unknown) => {
      opened.reject(error)
      if (error !== outOfStock) throw error
    })
  const tx = await opened.promise
  const end = async (how: 'commit' | 'rollback'): Promise<void> => {
    if (how === 'commit') ended.resolve()
    else ended.reject(outOfStock)
    await over
  }
  onTestFinished(() => end('rollback'))
  return { tx, end }
}

/** The library's own transaction beside what the app sends on its own connection. */
describe.each(fileDrivers)('a transaction over $name', (driver) => {
  test('is not seen by the app’s own statements until it commits', async () => {
    const { db, database } = await openMigrated(driver)
    const { tx, end } = await begin(database)
    await tx.insert(notes).values({ text: 'mine' })
    expect(await db.select().from(notes)).toEqual([])
    expect(await tx.select().from(notes)).toEqual([{ text: 'mine' }])
    await end('commit')
    expect(await db.select().from(notes)).toEqual([{ text: 'mine' }])
  })

  test('never takes in what the app writes beside it', async () => {
    const open = await openMigrated(driver)
    const beside = open.connect()
    onTestFinished(() => beside.close())
    const orders = open.over()
    const { tx, end } = await begin(orders)
    await tx.insert(notes).values({ text: 'rolled back' })
    // SQLite has one writer: what is written beside it is refused, not swallowed.
    await expect(insert(beside.db, 'beside')).rejects.toSatisfy(isBusy)
    await end('rollback')
    expect(await open.notes()).toEqual([])
  })

  test('waits for its turn behind the one that is open', async () => {
    const { database, notes: stored } = await openMigrated(driver)
    const { tx, end } = await begin(database)
    const order: string[] = []
    const others = ['second', 'third'].map((text) =>
      database.transaction(async (other) => {
        order.push(text)
        await other.insert(notes).values({ text })
      }),
    )
    await tx.insert(notes).values({ text: 'first' })
    order.push('first')
    await end('commit')
    await Promise.all(others)
    expect(order).toEqual(['first', 'second', 'third'])
    expect(await stored()).toEqual(['first', 'second', 'third'])
  })

  test('inside another one is refused in the end, and the other one goes on', async () => {
    const { database, notes: stored } = await openMigrated(driver, { lockWaitMs: 100 })
    await database.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'outer' })
      await expect(database.transaction(async () => {})).rejects.toMatchObject({
        code: 'DATABASE_UNREACHABLE',
        message: expect.stringContaining('is locked'),
      })
    })
    expect(await stored()).toEqual(['outer'])
  })

  test('syncs its commit to the disk, whatever the app’s own connection does', async () => {
    const { db, database } = await openMigrated(driver)
    await db.run(sql`pragma synchronous = off`)
    await database.transaction(async (tx) => {
      const [row] = await tx.all<{ synchronous: number }>(sql`pragma synchronous`)
      expect(row!.synchronous).toBeGreaterThanOrEqual(2)
    })
  })

  test('checks foreign keys where the app’s own connection does', async () => {
    const { db, database } = await openMigrated(driver)
    const [own] = await db.all(sql`pragma foreign_keys`)
    await database.transaction(async (tx) => {
      expect(await tx.all(sql`pragma foreign_keys`)).toEqual([own])
    })
  })

  test('that SQLite rolled back by itself is not called committed', async () => {
    const { database, notes: stored } = await openMigrated(driver)
    const over = database.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'once' })
      await run(tx, `insert or rollback into notes (text) values ('once')`).catch(() => {})
    })
    await expect(over).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await stored()).toEqual([])
  })

  test('rejects with the error of a constraint that is checked at the commit', async () => {
    const open = await openMigrated(driver)
    await open.query(
      `create table reply (text text references notes (text) deferrable initially deferred)`,
    )
    const violated = open.database.transaction(async (tx) => {
      await tx.run(sql`insert into reply (text) values ('nowhere')`)
    })
    await expect(violated).rejects.toThrow(/FOREIGN KEY/)
    expect(await open.query('select * from reply')).toEqual([])
    await open.database.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'it goes on' })
    })
  })

  test('that is kept for later is refused then, also with a query that was prepared before', async () => {
    const { database, notes: stored } = await openMigrated(driver)
    let kept: Tx | undefined
    let prepared: { run(values: Record<string, unknown>): unknown } | undefined
    await database.transaction(async (tx) => {
      kept = tx
      prepared = tx
        .insert(notes)
        .values({ text: sql.placeholder('text') })
        .prepare()
    })
    const { end } = await begin(database)
    const late = async (): Promise<unknown> => await insert(kept!, 'late')
    await expect(late()).rejects.toSatisfy(saysOver)
    const again = async (): Promise<unknown> => await prepared!.run({ text: 'prepared' })
    await expect(again()).rejects.toSatisfy(saysOver)
    await end('commit')
    expect(await stored()).toEqual([])
  })

  test('proves its commit when this library’s statement was the last, and only then', async () => {
    const { database } = await openMigrated(driver)
    const proofs = []
    for (const last of ['ours', 'theirs']) {
      let proved: (() => boolean) | undefined
      await database.transaction(async (tx) => {
        const context = database.context(tx)
        proved = context.provedCommit!.bind(context)
        await context.execute({ strings: Object.assign(['select 1'], { raw: [] }), values: [] })
        if (last === 'theirs') await tx.run(sql`select 1`)
      })
      proofs.push(proved!())
    }
    expect(proofs).toEqual([true, false])
  })
})

describe('over better-sqlite3', () => {
  test('a function of the app is there where the connections are opened by the app', async () => {
    const open = await betterSqlite3.open()
    onTestFinished(() => open.close())
    const { default: Sqlite } = await import('better-sqlite3')
    const connect = (): unknown => {
      const client = new Sqlite(open.place)
      client.function('shout', (text: string) => text.toUpperCase())
      return client
    }
    const orders = open.over({ connect })
    await orders.transaction(async (tx) => {
      await tx.run(sql`insert into notes (text) values (shout('hello'))`)
    })
    expect(await open.notes()).toEqual(['HELLO'])
  })
})

describe('over a libSQL file', () => {
  test('numbers are what the app’s own client makes of them', async () => {
    const { createClient } = await import('@libsql/client')
    const { drizzle } = await import('drizzle-orm/libsql')
    const { drizzleSqlite } = await import('../src/index.ts')
    const open = await libsqlFile.open()
    onTestFinished(() => open.close())
    const client = createClient({ url: `file:${open.place}`, intMode: 'bigint' })
    onTestFinished(() => client.close())
    const orders = drizzleSqlite(drizzle({ client }), { name: 'orders' })
    await orders.migrate()
    const row = await orders.transaction(async (tx) => await tx.get(sql`select 1 as one`))
    expect(row).toEqual({ one: 1n })
    expect(await orders.identity()).toMatch(/^[0-9a-f]{32}$/)
  })

  test('a path with special characters is found again', async () => {
    const open = await libsqlFile.open()
    onTestFinished(() => open.close())
    const strange = open.place.replace('shop.db', 'a b%20?#ü.db')
    const { createClient } = await import('@libsql/client')
    const { drizzle } = await import('drizzle-orm/libsql')
    const { drizzleSqlite } = await import('../src/index.ts')
    const client = createClient({
      url: `file:${encodeURI(strange).replaceAll(/[?#]/g, encodeURIComponent)}`,
    })
    onTestFinished(() => client.close())
    await client.execute('create table notes (text text primary key)')
    const orders = drizzleSqlite(drizzle({ client }), { name: 'orders' })
    await orders.transaction(async (tx) => {
      await tx.run(sql`insert into notes (text) values ('found')`)
    })
    expect((await client.execute('select text from notes')).rows).toMatchObject([{ text: 'found' }])
  })
})

test('over better-sqlite3 each of its connections prepares a statement of this library once', async () => {
  const open = await openMigrated(betterSqlite3)
  const prepared: string[][] = []
  const connect = (): BetterSqlite3.Database => {
    const client = new BetterSqlite3(open.place)
    const prepare = client.prepare.bind(client)
    const texts: string[] = []
    prepared.push(texts)
    client.prepare = (text: string) => (texts.push(text), prepare(text))
    return client
  }
  const orders = open.over({ connect })
  const identity = await orders.identity()
  for (const gid of [newGid(), newGid(), newGid()]) {
    await orders.transaction(async (tx) => {
      const key = { gid, notAfter: Date.now() + 60_000, identity }
      await orders.barrier.insert(orders.context(tx), key)
    })
  }
  expect(prepared.flat()).toContain('begin immediate')
  for (const texts of prepared) expect(texts).toEqual([...new Set(texts)])
})

async function insert(on: OpenSqlite['db'] | Tx, text: string): Promise<unknown> {
  return await on.insert(notes).values({ text })
}

async function run(tx: Tx, text: string): Promise<unknown> {
  return await tx.run(sql.raw(text))
}

function saysOver(error: unknown): boolean {
  return messagesOf(error).some((message) => message.includes('it is over'))
}

function isBusy(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ((each as { code?: unknown }).code === 'SQLITE_BUSY') return true
  }
  return false
}
