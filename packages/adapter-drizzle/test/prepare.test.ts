import { newGid } from '@stepping/core'
import { freshDatabase } from '@stepping/test-support'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { drizzlePostgres } from '../src/index.ts'

/** The names that a connection has prepared after a transaction with a barrier row. */
async function prepared(prepare: boolean): Promise<string[]> {
  const fresh = await freshDatabase(inject('postgresUrl'))
  const pool = new Pool({ connectionString: fresh.url, max: 1 })
  onTestFinished(async () => {
    await pool.end()
    await fresh.drop()
  })
  const database = drizzlePostgres(drizzle(pool), { name: 'orders', prepare })
  await database.migrate()
  const key = {
    gid: newGid(),
    notAfter: Date.now() + 60_000,
    identity: await database.identity(),
  }
  await database.transaction(async (tx) => {
    await database.barrier.insert(database.context(tx), key)
  })
  const { rows } = await pool.query<{ name: string }>('select name from pg_prepared_statements')
  return rows.map(({ name }) => name)
}

test('by default nothing is prepared: a pooler in transaction mode may not keep it', async () => {
  expect(await prepared(false)).toEqual([])
})

test("with prepare a connection prepares this library's statements, also in Drizzle's transactions", async () => {
  const names = await prepared(true)
  expect(names.length).toBeGreaterThan(1)
  expect(names.every((name) => name.startsWith('stepping_'))).toBe(true)
})
