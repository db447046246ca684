import { createClient } from '@libsql/client'
import { startSqld } from '@stepping/test-support'
import type { SqldServer } from '@stepping/test-support'
import type { SqlDatabase } from '@stepping/sql'
import Sqlite from 'better-sqlite3'
import { drizzle as overBetterSqlite3 } from 'drizzle-orm/better-sqlite3'
import { drizzle as overLibsql } from 'drizzle-orm/libsql'
import { sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { BaseSQLiteDatabase, SQLiteTransaction } from 'drizzle-orm/sqlite-core'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { drizzleSqlite } from '../src/index.ts'
import type { DrizzleSqliteOptions } from '../src/index.ts'

type None = Record<string, never>

/** The drivers' databases, seen as asynchronous ones: what is awaited works for all. */
export type Db = BaseSQLiteDatabase<'async', unknown, None, None>
export type Tx = SQLiteTransaction<'async', unknown, None, None>
export type TestDatabase = SqlDatabase<Tx, undefined>
export type Row = Record<string, unknown>

export const notes = sqliteTable('notes', { text: text().primaryKey() })
const createNotes = 'create table notes (text text primary key)'

export interface SqliteDriver {
  readonly name: string
  readonly kind: 'better-sqlite3' | 'libSQL file' | 'libSQL server'
  /** A database that nobody else uses, with an empty table of notes. A server ignores the mode. */
  readonly open: (journalMode?: string) => Promise<OpenSqlite>
}

export interface OpenSqlite {
  /** The file; of a server, its address. */
  readonly place: string
  readonly server?: SqldServer
  readonly db: Db
  /** The same through another connection, client or driver object. */
  readonly connect: (place?: string) => { db: Db; close: () => void }
  /** Past the adapter, on a connection of its own. */
  readonly query: (text: string, values?: readonly unknown[]) => Promise<Row[]>
  readonly over: (options?: Partial<DrizzleSqliteOptions>) => TestDatabase
  readonly notes: () => Promise<string[]>
  readonly close: () => Promise<void>
}

export const betterSqlite3: SqliteDriver = {
  name: 'better-sqlite3',
  kind: 'better-sqlite3',
  async open(journalMode = 'wal') {
    const folder = await freshFolder()
    const file = join(folder.path, 'shop.db')
    const client = new Sqlite(file)
    client.pragma(`journal_mode = ${journalMode}`)
    client.exec(createNotes)
    const raw = new Sqlite(file, { timeout: 0 })
    return opened({
      place: file,
      db: overBetterSqlite3({ client }) as unknown as Db,
      connect(place = file) {
        const other = new Sqlite(place, { timeout: 0 })
        const db = overBetterSqlite3({ client: other }) as unknown as Db
        return { db, close: () => void other.close() }
      },
      async query(query, values = []) {
        const statement = raw.prepare<unknown[], Row>(query)
        if (statement.reader) return statement.all(...values)
        statement.run(...values)
        return []
      },
      async close() {
        raw.close()
        client.close()
        await folder.remove()
      },
    })
  },
}

export const libsqlFile: SqliteDriver = {
  name: 'a libSQL file',
  kind: 'libSQL file',
  async open(journalMode = 'wal') {
    const folder = await freshFolder()
    const file = join(folder.path, 'shop.db')
    const connect = (place = file): { db: Db; close: () => void } => {
      const client = createClient({ url: `file:${place}` })
      return { db: overLibsql({ client }) as unknown as Db, close: () => client.close() }
    }
    const raw = createClient({ url: `file:${file}` })
    await raw.execute(`pragma journal_mode = ${journalMode}`)
    await raw.execute(createNotes)
    const { db, close } = connect()
    return opened({
      place: file,
      db,
      connect,
      query: async (query, values = []) => (await raw.execute(query, [...values] as [])).rows,
      async close() {
        raw.close()
        close()
        await folder.remove()
      },
    })
  },
}

export const libsqlOverHttp: SqliteDriver = libsqlServer('http')
export const libsqlOverWebSockets: SqliteDriver = libsqlServer('ws')

function libsqlServer(scheme: 'http' | 'ws'): SqliteDriver {
  return {
    name: `a libSQL server, by ${scheme}`,
    kind: 'libSQL server',
    async open() {
      const server = await startSqld()
      const connect = (place = server.url): { db: Db; close: () => void } => {
        const client = createClient({ url: place.replace('http', scheme) })
        return { db: overLibsql({ client }) as unknown as Db, close: () => client.close() }
      }
      const raw = createClient({ url: server.url })
      await raw.execute(createNotes)
      const { db, close } = connect()
      return opened({
        place: server.url,
        server,
        db,
        connect,
        query: async (query, values = []) => (await raw.execute(query, [...values] as [])).rows,
        async close() {
          raw.close()
          close()
          await server.stop()
        },
      })
    },
  }
}

/** Those that run in this process, over a file. */
export const fileDrivers: readonly SqliteDriver[] = [betterSqlite3, libsqlFile]
export const sqliteDrivers: readonly SqliteDriver[] = [
  ...fileDrivers,
  libsqlOverHttp,
  libsqlOverWebSockets,
]

function opened(connected: Omit<OpenSqlite, 'over' | 'notes'>): OpenSqlite {
  return {
    ...connected,
    over: (options) => drizzleSqlite(connected.db, { name: 'orders', ...options }),
    notes: async () =>
      (await connected.query('select text from notes order by text')).map((row) =>
        String(row['text']),
      ),
  }
}

/** Migrated, and closed when the test ends. */
export async function openMigrated(
  driver: SqliteDriver,
  options?: Partial<DrizzleSqliteOptions>,
  journalMode?: string,
): Promise<OpenSqlite & { database: TestDatabase }> {
  const open = await driver.open(journalMode)
  onTestFinished(() => open.close())
  const database = open.over(options)
  await database.migrate()
  return { ...open, database }
}

interface Folder {
  readonly path: string
  remove(): Promise<void>
}

export async function freshFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'stepping-sqlite-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
