import { printSchema, sqlJobStore } from '@stepping/self-tm'
import Database from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { drizzleSqlite } from '../../adapter-drizzle/src/index.ts'

async function openEmpty(): Promise<Database.Database> {
  const folder = await mkdtemp(join(tmpdir(), 'stepping-schema-'))
  const client = new Database(join(folder, 'shop.db'))
  onTestFinished(async () => {
    client.close()
    await rm(folder, { recursive: true, force: true })
  })
  return client
}

function tablesOf(client: Database.Database): unknown[] {
  return client.prepare(`select type, name, tbl_name, sql from sqlite_master order by name`).all()
}

test('the printed schema, run by hand, is the one that migrate makes', async () => {
  const [byHand, migrated] = [await openEmpty(), await openEmpty()]
  byHand.exec(printSchema({ dialect: 'sqlite' }))
  const databases = [byHand, migrated].map((client) =>
    drizzleSqlite(drizzle({ client }), { name: 'orders' }),
  )
  await databases[1]!.migrate()
  await sqlJobStore(databases[1]!).migrate()
  expect(tablesOf(byHand)).toEqual(tablesOf(migrated))
  // Nothing is left to do, and it can be used.
  await databases[0]!.migrate()
  expect(await sqlJobStore(databases[0]!).find('unknown')).toBeNull()
})

test('two sets of tables lie beside each other in one file', async () => {
  const client = await openEmpty()
  for (const prefix of ['a_', 'b_']) client.exec(printSchema({ dialect: 'sqlite', prefix }))
  const stores = ['a_', 'b_'].map((prefix) =>
    sqlJobStore(drizzleSqlite(drizzle({ client }), { name: prefix, prefix })),
  )
  for (const store of stores) expect(await store.find('unknown')).toBeNull()
})
