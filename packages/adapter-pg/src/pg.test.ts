import { sql } from '@stepping/sql'
import { Client, Pool } from 'pg'
import { expect, test } from 'vitest'
import { pg } from './pg.ts'
import type { PgOptions } from './pg.ts'

test.each([[undefined], [{}], [{ name: '' }]])('with the options %j is refused', (options) => {
  const make = (): unknown => pg(new Pool(), options as unknown as PgOptions)
  expect(make).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
  expect(make).toThrow(/^pg: the database has (no|an empty) name/)
})

test.each([
  [new Client(), 'a Client'],
  [undefined, 'undefined'],
  ['postgres://db', '"postgres://db"'],
])('over %o is refused, by what it is', (given, kind) => {
  const make = (): unknown => pg(given as unknown as Pool, { name: 'orders' })
  expect(make).toThrow(expect.objectContaining({ code: 'DATABASE_INVALID' }))
  expect(make).toThrow(`pg takes a Pool of node-postgres, and got ${kind}:`)
})

test('a pool that was ended too early is named as the reason, and when to end it', async () => {
  const pool = new Pool()
  const database = pg(pool, { name: 'orders' })
  await pool.end()
  const asked = database.run(sql`select 1`)
  await expect(asked).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  await expect(asked).rejects.toThrow(/pool of the database orders was ended .*stepping\.close\(\)/)
})
