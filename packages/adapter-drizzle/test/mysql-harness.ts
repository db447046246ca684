import { newGid } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import type { SqlDatabase } from '@stepping/sql'
import { freshMysqlDatabase } from '@stepping/test-support'
import type { ExtractTablesWithRelations } from 'drizzle-orm'
import { int, mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import type { MySqlTransaction, MySqlTransactionConfig } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import type {
  MySql2Database,
  MySql2PreparedQueryHKT,
  MySql2QueryResultHKT,
} from 'drizzle-orm/mysql2'
import { createPool } from 'mysql2/promise'
import type { Pool, PoolOptions, RowDataPacket } from 'mysql2/promise'
import { inject, onTestFinished } from 'vitest'
import { drizzleMysql } from '../src/index.ts'

export const orders = mysqlTable('orders', {
  id: int().primaryKey().autoincrement(),
  sku: varchar({ length: 200 }).notNull().unique(),
})
const schema = { orders }
type Schema = typeof schema

export type Tx = MySqlTransaction<
  MySql2QueryResultHKT,
  MySql2PreparedQueryHKT,
  Schema,
  ExtractTablesWithRelations<Schema>
>
export type TestDatabase = SqlDatabase<Tx, MySqlTransactionConfig>

/** One database of the test's own, and a look at it by another route. */
export interface Harness {
  readonly url: string
  readonly pool: Pool
  readonly db: MySql2Database<Schema>
  readonly database: TestDatabase
  readonly query: (text: string, values?: unknown[]) => Promise<RowDataPacket[]>
  readonly barrier: (gid: string) => Promise<unknown[]>
  readonly skus: () => Promise<unknown[]>
}

/** With a table of orders, migrated; closed when the test ends. */
export async function openForTest(config: PoolOptions = {}): Promise<Harness> {
  const fresh = await freshMysqlDatabase(inject('mysqlUrl'), 'drizzle')
  const pool = createPool({ uri: fresh.url, ...config })
  const probe = createPool({ uri: fresh.url, connectionLimit: 2 })
  onTestFinished(async () => {
    await Promise.all([pool.end(), probe.end()])
    await fresh.drop()
  })
  const db = drizzle(pool, { schema, mode: 'default' })
  const query: Harness['query'] = async (text, values) =>
    (await probe.query<RowDataPacket[]>(text, values))[0]
  const column = async (text: string, values?: unknown[]): Promise<unknown[]> =>
    (await query(text, values)).map((row) => Object.values(row)[0])
  const database = drizzleMysql(db, { name: 'orders' })
  await query('create table orders (id int auto_increment primary key, sku varchar(200) unique)')
  await database.migrate()
  return {
    url: fresh.url,
    pool,
    db,
    database,
    query,
    barrier: (gid) => column('select reason from stepping_barrier where gid = ?', [gid]),
    skus: () => column('select sku from orders order by id'),
  }
}

/** A new gid with a day left. */
export async function newKey(database: TestDatabase): Promise<BarrierKey> {
  return { gid: newGid(), notAfter: Date.now() + 86_400_000, identity: await database.identity() }
}
