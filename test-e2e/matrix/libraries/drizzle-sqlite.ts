import { createClient } from '@libsql/client'
import type { Client } from '@libsql/client'
import { drizzleSqlite } from '@stepping/adapter-drizzle'
import type { DatabaseRef } from '@stepping/core'
import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import { drizzle as overBetterSqlite3 } from 'drizzle-orm/better-sqlite3'
import { drizzle as overLibsql } from 'drizzle-orm/libsql'
import type { BaseSQLiteDatabase, SQLiteTransaction } from 'drizzle-orm/sqlite-core'
import { sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Library, OpenLibrary } from '../library.ts'

const columns = { gid: text().notNull(), what: text().notNull() }
const tables = { orders: sqliteTable('orders', columns), ledger: sqliteTable('ledger', columns) }

type None = Record<string, never>

export const drizzleBetterSqlite3: Library = {
  async open(url, ref) {
    const client = new Sqlite(url)
    client.pragma('journal_mode = wal')
    return opened<'sync'>(overBetterSqlite3({ client }), ref, async () => void client.close())
  },
}

export const drizzleLibsql: Library = {
  async open(url, ref) {
    const client = createClient({ url: `file:${url}` })
    await client.execute('pragma journal_mode = wal')
    const db = overLibsql({ client })
    const library = opened<'async'>(db, ref, async () => client.close())
    const ownTransaction: OpenLibrary['ownTransaction'] = async (work) =>
      await whileLocked(client, () =>
        db.transaction((tx) => work(tx, library.database.context(tx)), { behavior: 'immediate' }),
      )
    return { ...library, ownTransaction }
  },
}

/**
 * A transaction of one's own gets no turn for the write lock: it is refused while another one has it. The BEGIN that was
 * refused stays half-run on its connection, where each later one would be refused for what it still reads.
 */
async function whileLocked<R>(client: Client, begin: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await begin()
    } catch (error) {
      if (!(error as Error).message.startsWith('SQLITE_BUSY')) throw error
      await new Promise((resolve) => setTimeout(resolve, 5))
      client.reconnect()
    }
  }
}

function opened<K extends 'sync' | 'async'>(
  db: BaseSQLiteDatabase<K, unknown, None>,
  ref: DatabaseRef = { name: 'orders' },
  close: () => Promise<void>,
): OpenLibrary {
  const database = drizzleSqlite(db, ref)
  const library: OpenLibrary<SQLiteTransaction<K, unknown, None, None>> = {
    database: database as never,
    async createTables() {
      for (const table of ['orders', 'ledger']) {
        // Synchronous or not, as the driver is.
        await Promise.resolve(
          db.run(
            sql.raw(`create table if not exists ${table} (gid text not null, what text not null)`),
          ),
        )
      }
    },
    insert: async (tx, table, row) => void (await tx.insert(tables[table]).values(row)),
    rows: async (table) => await db.select().from(tables[table]),
    close,
  }
  return library
}
