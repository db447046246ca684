import { PGlite } from '@electric-sql/pglite'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import type { DatabaseRef } from '@stepping/core'
import { sql } from 'drizzle-orm'
import type { ExtractTablesWithRelations } from 'drizzle-orm'
import { drizzle as overNodePostgres } from 'drizzle-orm/node-postgres'
import { drizzle as overPglite } from 'drizzle-orm/pglite'
import type { PgDatabase, PgQueryResultHKT, PgTransaction } from 'drizzle-orm/pg-core'
import { pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle as overPostgresJs } from 'drizzle-orm/postgres-js'
import { Pool } from 'pg'
import connect from 'postgres'
import type { Library, OpenLibrary } from '../library.ts'

const columns = { gid: text().notNull(), what: text().notNull() }
const tables = { orders: pgTable('orders', columns), ledger: pgTable('ledger', columns) }

type Db = PgDatabase<PgQueryResultHKT>
type Tx = PgTransaction<
  PgQueryResultHKT,
  Record<string, never>,
  ExtractTablesWithRelations<Record<string, never>>
>

export const drizzleNodePostgres: Library = {
  async open(url, ref) {
    const pool = new Pool({ connectionString: url })
    return opened(overNodePostgres(pool), ref, () => pool.end())
  },
}

export const drizzlePostgresJs: Library = {
  async open(url, ref) {
    const client = connect(url, { onnotice: () => {} })
    return opened(overPostgresJs(client), ref, () => client.end())
  },
}

export const drizzlePglite: Library = {
  async open(url, ref) {
    const client = new PGlite(url)
    await client.waitReady
    return opened(overPglite(client), ref, () => client.close())
  },
}

function opened(
  db: Db,
  ref: DatabaseRef = { name: 'orders' },
  close: () => Promise<unknown>,
): OpenLibrary {
  const database = drizzlePostgres(db, ref)
  const library: OpenLibrary<Tx> = {
    database,
    async createTables() {
      for (const table of ['orders', 'ledger']) {
        await db.execute(
          sql.raw(`create table if not exists ${table} (gid text not null, what text not null)`),
        )
      }
    },
    insert: async (tx, table, row) => void (await tx.insert(tables[table]).values(row)),
    rows: async (table) => await db.select().from(tables[table]),
    ownTransaction: async (work) => await db.transaction((tx) => work(tx, database.context(tx))),
    close: async () => void (await close()),
  }
  return library
}
