import { newGid } from '@stepping/core'
import { freshDatabase } from '@stepping/test-support'
import { QueryTypes, Sequelize } from 'sequelize'
import { expect, inject, onTestFinished, test } from 'vitest'
import { sequelize } from '../src/index.ts'

/** The names that a connection has prepared after a transaction with a barrier row. */
async function prepared(prepare: boolean): Promise<string[]> {
  const fresh = await freshDatabase(inject('postgresUrl'))
  const db = new Sequelize(fresh.url, { logging: false, pool: { max: 1 } })
  onTestFinished(async () => {
    await db.close()
    await fresh.drop()
  })
  const database = sequelize(db, { name: 'orders', prepare })
  await database.migrate()
  const key = {
    gid: newGid(),
    notAfter: Date.now() + 60_000,
    identity: await database.identity(),
  }
  await database.transaction(async (tx) => {
    await database.barrier.insert(database.context(tx), key)
  })
  const rows = await db.query<{ name: string }>('select name from pg_prepared_statements', {
    type: QueryTypes.SELECT,
  })
  return rows.map(({ name }) => name)
}

test('by default nothing is prepared: a pooler in transaction mode may not keep it', async () => {
  expect(await prepared(false)).toEqual([])
})

test("with prepare a connection prepares this library's statements, also in Sequelize's transactions", async () => {
  const names = await prepared(true)
  expect(names.length).toBeGreaterThan(1)
  expect(names.every((name) => name.startsWith('stepping_'))).toBe(true)
})
