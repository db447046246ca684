import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { libsqlOverHttp, libsqlOverWebSockets, notes, openMigrated } from './sqlite-drivers.ts'

/** What a server adds: it ends transactions, and it can be away. */
describe.each([libsqlOverHttp, libsqlOverWebSockets])('over $name', (driver) => {
  test('a job is not stored in a transaction that the server has ended, though its error was swallowed', async () => {
    const open = await openMigrated(driver)
    const key = {
      gid: 'late',
      notAfter: Date.now() + 60_000,
      identity: await open.database.identity(),
    }
    const over = open.database.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'before' })
      // Waits until the server takes the lock away from the one that holds it, after five seconds.
      await open.query(`insert into notes (text) values ('beside')`)
      const swallowed = await tx.run(sql`select 1`).catch((error: unknown) => error)
      expect(swallowed).toBeInstanceOf(Error)
      await open.database.barrier.insert(open.database.context(tx), key)
    })
    await expect(over).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    expect(await open.notes()).toEqual(['beside'])
    expect(await open.query('select gid from stepping_barrier')).toEqual([])
  }, 30_000)

  test('a transaction that the server has ended is not called committed', async () => {
    const open = await openMigrated(driver)
    const over = open.database.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'before' })
      await open.query(`insert into notes (text) values ('beside')`)
    })
    await expect(over).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await open.notes()).toEqual(['beside'])
  }, 30_000)

  test('its marks do not stay behind', async () => {
    const { database, query } = await openMigrated(driver)
    await database.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'marked' })
    })
    await database.transaction(async () => Promise.reject(new Error('stop'))).catch(() => {})
    expect(await query(`select name from stepping_meta where name like 'open:%'`)).toEqual([])
  })

  test('a server that is away is unreachable, and used again when it is back', async () => {
    const open = await openMigrated(driver)
    await open.server!.kill()
    await expect(open.database.migrate()).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    await expect(open.over({ name: 'again' }).identity()).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    })
    await open.server!.start()
    const identity = await open.database.identity()
    expect(identity).toMatch(/^[0-9a-f]{32}$/)
    await open.database.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'back' })
    })
    expect(await open.notes()).toEqual(['back'])
  })

  test('a server that dies in the middle of a transaction has rolled it back', async () => {
    const open = await openMigrated(driver)
    const over = open.database.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'lost' })
      await open.server!.kill()
    })
    await expect(over).rejects.toBeInstanceOf(Error)
    await open.server!.start()
    expect(
      await open.database.run({ strings: text('select text from notes'), values: [] }),
    ).toEqual({ rows: [], affected: 0 })
  })
})

function text(query: string): TemplateStringsArray {
  return Object.assign([query], { raw: [query] })
}
