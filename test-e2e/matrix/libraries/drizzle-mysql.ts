import { drizzleMysql } from '@stepping/adapter-drizzle'
import { sql } from 'drizzle-orm'
import { mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { createPool } from 'mysql2/promise'
import type { Library, OpenLibrary } from '../library.ts'

const columns = {
  gid: varchar({ length: 128 }).notNull(),
  what: varchar({ length: 128 }).notNull(),
}
const tables = { orders: mysqlTable('orders', columns), ledger: mysqlTable('ledger', columns) }

type Tx = Parameters<Parameters<ReturnType<typeof drizzle>['transaction']>[0]>[0]

export const drizzleMysql2: Library = {
  async open(url, ref = { name: 'orders' }) {
    const pool = createPool(url)
    const db = drizzle(pool)
    const database = drizzleMysql(db, ref)
    const library: OpenLibrary<Tx> = {
      database,
      async createTables() {
        for (const table of ['orders', 'ledger']) {
          await db.execute(
            sql.raw(
              `create table if not exists ${table} (gid varchar(128) not null, what varchar(128) not null)`,
            ),
          )
        }
      },
      insert: async (tx, table, row) => void (await tx.insert(tables[table]).values(row)),
      rows: async (table) => await db.select().from(tables[table]),
      ownTransaction: async (work) => await db.transaction((tx) => work(tx, database.context(tx))),
      close: () => pool.end(),
    }
    return library
  },
}
