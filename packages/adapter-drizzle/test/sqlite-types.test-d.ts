import { createClient } from '@libsql/client'
import { createStepping, defineStep } from '@stepping/core'
import type { AnyDatabase, Database, DbContext, JobSteps, Stepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import type { SqlContext, SqlDatabase } from '@stepping/sql'
import Sqlite from 'better-sqlite3'
import { drizzle as overBetterSqlite3 } from 'drizzle-orm/better-sqlite3'
import { drizzle as overLibsql } from 'drizzle-orm/libsql'
import { drizzle as overNodePostgres } from 'drizzle-orm/node-postgres'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { expectTypeOf, test } from 'vitest'
import { drizzleSqlite } from '../src/index.ts'

const orders = sqliteTable('orders', { id: integer().primaryKey(), sku: text().notNull() })
const schema = { orders }
const note = defineStep({ name: 'Note', run() {} })

/** What Drizzle's own callback gets. */
type TxOf<D> = D extends { transaction(work: (tx: infer T) => unknown): unknown } ? T : never

declare const stepping: Stepping

const syncDb = overBetterSqlite3({ client: new Sqlite('orders.db'), schema })
const asyncDb = overLibsql({ client: createClient({ url: 'file:orders.db' }), schema })

test("tx is Drizzle's own transaction type, with the schema", () => {
  const sync = drizzleSqlite(syncDb, { name: 'orders' })
  expectTypeOf(sync).toEqualTypeOf<SqlDatabase<TxOf<typeof syncDb>, undefined>>()
  const async = drizzleSqlite(asyncDb, { name: 'orders' })
  expectTypeOf(async).toEqualTypeOf<SqlDatabase<TxOf<typeof asyncDb>, undefined>>()
})

test('a transaction has the queries of the schema, of its own kind', async () => {
  type Row = { id: number; sku: string }
  const sync = drizzleSqlite(syncDb, { name: 'orders' })
  await stepping.transaction(sync, async (tx, job) => {
    expectTypeOf(job).toEqualTypeOf<JobSteps>()
    expectTypeOf(tx.select().from(orders).all()).toEqualTypeOf<Row[]>()
    expectTypeOf(await tx.insert(orders).values({ sku: 'a' }).returning()).toEqualTypeOf<Row[]>()
  })
  const async = drizzleSqlite(asyncDb, { name: 'orders' })
  const found = await stepping.transaction(async, async (tx) => await tx.query.orders.findFirst())
  expectTypeOf(found).toEqualTypeOf<Row | undefined>()
})

test('nothing is any', () => {
  const database = drizzleSqlite(asyncDb, { name: 'orders' })
  type Tx = Parameters<typeof database.context>[0]
  expectTypeOf<Tx>().not.toBeAny()
  expectTypeOf<ReturnType<typeof database.context>>().toEqualTypeOf<SqlContext>()
})

test('it is a database wherever one is wanted', () => {
  const database = drizzleSqlite(syncDb, { name: 'orders' })
  expectTypeOf(database).toExtend<AnyDatabase>()
  type Tx = Parameters<typeof database.context>[0]
  expectTypeOf(database).toExtend<Database<Tx, DbContext>>()
  createStepping({
    app: 'shop',
    tm: selfTm({ database }),
    databases: [database, drizzleSqlite(asyncDb, { name: 'other' })],
    steps: [note],
  })
})

test('connect opens what the database is connected with', () => {
  drizzleSqlite(syncDb, { name: 'orders', connect: () => new Sqlite('orders.db') })
  // @ts-expect-error a client of another driver
  drizzleSqlite(syncDb, { name: 'orders', connect: () => createClient({ url: 'file:orders.db' }) })
})

test('what is no transaction, no database of SQLite, or without a name is refused', () => {
  const database = drizzleSqlite(syncDb, { name: 'orders' })
  // @ts-expect-error a database
  database.context(syncDb)
  // @ts-expect-error a transaction of another driver
  database.context({} as TxOf<typeof asyncDb>)
  // @ts-expect-error PostgreSQL
  drizzleSqlite(overNodePostgres('postgres://db'), { name: 'orders' })
  // @ts-expect-error no name
  drizzleSqlite(syncDb, {})
})
