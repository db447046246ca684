import { createStepping, defineStep } from '@stepping/core'
import type { AnyDatabase, Database, DbContext, JobSteps, Stepping } from '@stepping/core'
import type { SqlContext, SqlDatabase } from '@stepping/sql'
import { PGlite } from '@electric-sql/pglite'
import { drizzle as overNodePostgres } from 'drizzle-orm/node-postgres'
import type { NodePgTransaction } from 'drizzle-orm/node-postgres'
import { drizzle as overPglite } from 'drizzle-orm/pglite'
import { drizzle as overPostgresJs } from 'drizzle-orm/postgres-js'
import type { ExtractTablesWithRelations } from 'drizzle-orm'
import { drizzle as overMysql } from 'drizzle-orm/mysql-proxy'
import type { PgTransactionConfig } from 'drizzle-orm/pg-core'
import { Pool } from 'pg'
import connect from 'postgres'
import { expectTypeOf, test } from 'vitest'
import { drizzlePostgres } from '../src/index.ts'
import { selfTm } from './harness.ts'
import * as schema from './schema.ts'

const note = defineStep({ name: 'Note', run() {} })

/** What Drizzle's own callback gets. */
type TxOf<D> = D extends { transaction(work: (tx: infer T) => Promise<void>): unknown } ? T : never

declare const stepping: Stepping
declare const work: () => Promise<void>

test("tx is Drizzle's own transaction type, with the schema", () => {
  const pgDb = overNodePostgres(new Pool(), { schema })
  const pg = drizzlePostgres(pgDb, { name: 'orders' })
  expectTypeOf(pg).toEqualTypeOf<SqlDatabase<TxOf<typeof pgDb>, PgTransactionConfig>>()

  const jsDb = overPostgresJs(connect(''), { schema })
  const js = drizzlePostgres(jsDb, { name: 'orders' })
  expectTypeOf(js).toEqualTypeOf<SqlDatabase<TxOf<typeof jsDb>, PgTransactionConfig>>()

  const liteDb = overPglite(new PGlite(), { schema })
  const lite = drizzlePostgres(liteDb, { name: 'orders' })
  expectTypeOf(lite).toEqualTypeOf<SqlDatabase<TxOf<typeof liteDb>, PgTransactionConfig>>()
})

test('a transaction has the queries of the schema', async () => {
  const orders = drizzlePostgres(overNodePostgres(new Pool(), { schema }), { name: 'orders' })
  const found = await stepping.transaction(orders, async (tx, job) => {
    expectTypeOf(job).toEqualTypeOf<JobSteps>()
    const byQuery = await tx.query.orders.findFirst()
    expectTypeOf(byQuery).toEqualTypeOf<{ id: number; sku: string } | undefined>()
    const [row] = await tx.insert(schema.orders).values({ sku: 'a' }).returning()
    return row
  })
  expectTypeOf(found).toEqualTypeOf<{ id: number; sku: string } | undefined>()
})

test('a transaction without a schema has no queries', async () => {
  const orders = drizzlePostgres(overNodePostgres(new Pool()), { name: 'orders' })
  await stepping.transaction(orders, async (tx) => {
    // @ts-expect-error no schema was given
    await tx.query.orders.findFirst()
  })
})

test('the options of a transaction are those of Drizzle', async () => {
  const orders = drizzlePostgres(overNodePostgres(new Pool()), { name: 'orders' })
  await stepping.transaction(orders, work, { database: { isolationLevel: 'serializable' } })
  // @ts-expect-error no such level
  await stepping.transaction(orders, work, { database: { isolationLevel: 'chaos' } })
  // @ts-expect-error no such option
  await stepping.transaction(orders, work, { database: { level: 'serializable' } })
})

test('nothing is any', () => {
  const orders = drizzlePostgres(overNodePostgres(new Pool(), { schema }), { name: 'orders' })
  type Tx = Parameters<typeof orders.context>[0]
  expectTypeOf<Tx>().not.toBeAny()
  expectTypeOf<ReturnType<typeof orders.context>>().toEqualTypeOf<SqlContext>()
  expectTypeOf<ReturnType<SqlContext['execute']>>().not.toBeAny()
  type Relations = ExtractTablesWithRelations<typeof schema>
  expectTypeOf<NodePgTransaction<typeof schema, Relations>>().toExtend<Tx>()
})

test('it is a database wherever one is wanted', () => {
  const orders = drizzlePostgres(overNodePostgres(new Pool(), { schema }), { name: 'orders' })
  expectTypeOf(orders).toExtend<AnyDatabase>()
  type Tx = Parameters<typeof orders.context>[0]
  expectTypeOf(orders).toExtend<Database<Tx, DbContext, PgTransactionConfig>>()
  createStepping({
    app: 'shop',
    tm: selfTm({ database: orders }),
    databases: [orders, drizzlePostgres(overPglite(new PGlite()), { name: 'other' })],
    steps: [note],
  })
})

test('what is no transaction is refused', () => {
  const db = overNodePostgres(new Pool(), { schema })
  const orders = drizzlePostgres(db, { name: 'orders' })
  // @ts-expect-error a database
  orders.context(db)
  // @ts-expect-error a pool
  orders.context(new Pool())
  // @ts-expect-error a transaction without the schema
  orders.context({} as TxOf<ReturnType<typeof overPglite>>)
})

test('a job in a transaction of Drizzle cannot start by itself', async () => {
  const orders = drizzlePostgres(overNodePostgres(new Pool()), { name: 'orders' })
  await orders.transaction(async (tx) => {
    const job = stepping.createJob(orders.context(tx)).addStep(note)
    // @ts-expect-error Drizzle commits it
    await job.start()
    await job.prepareAndInsertBarrier()
  })
})

test('a database of another product, or without a name, is refused', () => {
  const mysql = overMysql(async () => ({ rows: [] }))
  // @ts-expect-error MySQL
  drizzlePostgres(mysql, { name: 'orders' })
  // @ts-expect-error no name
  drizzlePostgres(overNodePostgres(new Pool()), {})
})
