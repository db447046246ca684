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
