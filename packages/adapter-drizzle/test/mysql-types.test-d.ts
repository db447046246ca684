import type { AnyDatabase, JobSteps, Stepping, TransactionJob } from '@stepping/core'
import type { SqlDatabase } from '@stepping/sql'
import type { ExtractTablesWithRelations } from 'drizzle-orm'
import { int, mysqlTable } from 'drizzle-orm/mysql-core'
import type { MySqlTransaction, MySqlTransactionConfig } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import type { MySql2PreparedQueryHKT, MySql2QueryResultHKT } from 'drizzle-orm/mysql2'
import { drizzle as overNodePostgres } from 'drizzle-orm/node-postgres'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { expectTypeOf, test } from 'vitest'
import { drizzleMysql } from '../src/index.ts'

const schema = { orders: mysqlTable('orders', { id: int().primaryKey() }) }
type Schema = typeof schema
const db = drizzle(createPool('mysql://localhost'), { schema, mode: 'default' })
const orders = drizzleMysql(db, { name: 'orders' })

declare const stepping: Stepping

test("tx is Drizzle's own transaction", async () => {
  type Tx = MySqlTransaction<
    MySql2QueryResultHKT,
    MySql2PreparedQueryHKT,
    Schema,
    ExtractTablesWithRelations<Schema>
  >
  expectTypeOf(orders).toEqualTypeOf<SqlDatabase<Tx, MySqlTransactionConfig>>()
  const found = await stepping.transaction(orders, async (tx, job) => {
    expectTypeOf(tx).toEqualTypeOf<Tx>()
    expectTypeOf(job).toEqualTypeOf<JobSteps>()
    return await tx.query.orders.findMany()
  })
  expectTypeOf(found).toEqualTypeOf<{ id: number }[]>()
})

test('a job on a transaction cannot commit it', async () => {
  await db.transaction(async (tx) => {
    const job = stepping.createJob(orders.context(tx))
    expectTypeOf(job).toEqualTypeOf<TransactionJob>()
  })
})

test('it is a database wherever one is wanted', () => {
  expectTypeOf(orders).toExtend<AnyDatabase>()
})

test('what is no transaction, or no Drizzle over MySQL, is refused', () => {
  // @ts-expect-error the database
  orders.context(db)
  // @ts-expect-error over PostgreSQL
  drizzleMysql(overNodePostgres(new Pool()), { name: 'orders' })
  // @ts-expect-error no name
  drizzleMysql(db, {})
})
