import { createClient } from '@libsql/client'
import { commitProxy, sqliteProbe } from '@stepping/conformance'
import type { DatabaseHarness, OpenDatabase, Probe } from '@stepping/conformance'
import { startSqld } from '@stepping/test-support'
import Database from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import { drizzle as overBetterSqlite3 } from 'drizzle-orm/better-sqlite3'
import { drizzle as overLibsql } from 'drizzle-orm/libsql'
import type { BaseSQLiteDatabase, SQLiteTransaction } from 'drizzle-orm/sqlite-core'
import { sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drizzleSqlite } from '../src/index.ts'

type None = Record<string, never>
export type Db = BaseSQLiteDatabase<'async', unknown, None, None>
/** The drivers' transactions, seen as asynchronous ones: what is awaited works for both. */
export type Tx = SQLiteTransaction<'async', unknown, None, None>

export const notes = sqliteTable('notes', { text: text().primaryKey() })
const createNotes = 'create table notes (text text primary key)'

export const betterSqlite3: DatabaseHarness<Tx> = {
  name: 'Drizzle over better-sqlite3',
  async open() {
    const folder = await freshFolder()
    const client = new Database(join(folder.path, 'shop.db'))
    client.pragma('journal_mode = wal')
    client.exec(createNotes)
    const raw = new Database(client.name)
    const db = overBetterSqlite3({ client }) as unknown as Db
    const { limits } = drizzleSqlite(db, { name: 'orders' })
    return {
      ...opened(db),
      openByHand: { lacking: limits.ownTransactions! },
      savepoint: { lacking: 'its savepoints cannot wait either' },
      loseCommit: { lacking: 'SQLite runs in this process: there is no connection to lose' },
      probe: betterSqlite3Probe(raw),
      async close() {
        raw.close()
        client.close()
        await folder.remove()
      },
    }
  },
}

export function betterSqlite3Probe(raw: Database.Database): Probe {
  return sqliteProbe(async (query, values) => {
    const statement = raw.prepare<unknown[], object>(query)
    if (statement.reader) return statement.all(...values)
    statement.run(...values)
    return []
  })
}

export const libsqlFile: DatabaseHarness<Tx> = {
  name: 'Drizzle over a libSQL file',
  async open() {
    const folder = await freshFolder()
    const url = `file:${join(folder.path, 'shop.db')}`
    const client = createClient({ url })
    await client.execute('pragma journal_mode = wal')
    await client.execute(createNotes)
    const raw = createClient({ url })
    return {
      ...opened(overLibsql({ client }) as unknown as Db),
      loseCommit: { lacking: 'SQLite runs in this process: there is no connection to lose' },
      probe: sqliteProbe(async (query, values) => (await raw.execute(query, values as [])).rows),
      async close() {
        raw.close()
        client.close()
        await folder.remove()
      },
    }
  },
}

export const libsqlOverHttp: DatabaseHarness<Tx> = libsqlServer('http')
export const libsqlOverWebSockets: DatabaseHarness<Tx> = libsqlServer('ws')

function libsqlServer(scheme: 'http' | 'ws'): DatabaseHarness<Tx> {
  return {
    name: `Drizzle over a libSQL server, by ${scheme}`,
    async open() {
      const server = await startSqld()
      const proxy = await commitProxy({ host: '127.0.0.1', port: server.port })
      const client = createClient({ url: `${scheme}://127.0.0.1:${proxy.port}` })
      const raw = createClient({ url: server.url })
      await raw.execute(createNotes)
      const db = overLibsql({ client }) as unknown as Db
      const { limits } = drizzleSqlite(db, { name: 'orders' })
      return {
        ...opened(db),
        openByHand: { lacking: limits.ownTransactions! },
        loseCommit: (part) => proxy.lose(part),
        probe: sqliteProbe(async (query, values) => (await raw.execute(query, values as [])).rows),
        async close() {
          raw.close()
          client.close()
          await proxy.close()
          await server.stop()
        },
      }
    },
  }
}

function opened(db: Db): Omit<OpenDatabase<Tx>, 'loseCommit' | 'probe' | 'close'> {
  return {
    over: ({ name, tables }) =>
      drizzleSqlite(db, { name, ...(tables !== undefined && { prefix: tables }) }),
    write: async (tx, note) => await tx.insert(notes).values({ text: note }),
    read: async (tx) => (await tx.select().from(notes)).map((row) => row.text),
    mistakes: { 'the database': db },
    openByHand: (work) => db.transaction(work),
    begin: { lacking: 'Drizzle has transactions as callbacks only' },
    savepoint: (tx, work) => tx.transaction(work),
    doom: async (tx) =>
      await tx.run(
        sql`with once as (select 'doomed' as text) insert or rollback into notes select text from once union all select text from once`,
      ),
    failOnce: { lacking: 'Drizzle runs a callback once' },
  }
}

export interface Folder {
  readonly path: string
  remove(): Promise<void>
}

export async function freshFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'stepping-sqlite-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
