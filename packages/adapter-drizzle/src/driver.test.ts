import { sql } from '@stepping/sql'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { expect, test } from 'vitest'
import { drizzleMysql, drizzlePostgres, drizzleSqlite } from './index.ts'

const adapters = { drizzleMysql, drizzlePostgres, drizzleSqlite }
type Adapter = (db: unknown, options: unknown) => unknown

test.each(Object.entries(adapters))('%s tells what to do with a Pool', (name, adapter) => {
  const make = (): unknown => (adapter as unknown as Adapter)(new Pool(), { name: 'orders' })
  expect(make).toThrow(expect.objectContaining({ code: 'DATABASE_INVALID' }))
  expect(make).toThrow(
    new RegExp(`^${name} takes .*, and got a Pool: wrap it, drizzle\\(client\\)`),
  )
})

test.each(Object.entries(adapters))('%s refuses nothing at all', (_name, adapter) => {
  const make = (): unknown => (adapter as unknown as Adapter)(undefined, undefined)
  expect(make).toThrow(/and got undefined\.$/)
})

test('a pool of node-postgres that was ended too early is named as the reason', async () => {
  const pool = new Pool()
  const database = drizzlePostgres(drizzle(pool), { name: 'orders' })
  await pool.end()
  const asked = database.run(sql`select 1`)
  await expect(asked).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  await expect(asked).rejects.toThrow(/pool of the database orders was ended .*stepping\.close\(\)/)
})
