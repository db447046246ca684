import { sqlJobStore } from '@stepping/self-tm'
import type { JobStore, SqlJobStoreOptions } from '@stepping/self-tm'
import Database from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { drizzleSqlite } from '../../adapter-drizzle/src/index.ts'
import type { OpenStore } from '../../conformance/src/index.ts'

type SqliteDatabase = ReturnType<typeof databaseOf>

function databaseOf(client: Database.Database, name: string) {
  return drizzleSqlite(drizzle({ client }), { name })
}

export interface SqliteStore extends OpenStore {
  readonly store: JobStore
  readonly database: SqliteDatabase
  readonly file: string
  /** The same file through another connection; closed when the test ends. */
  readonly again: (name: string) => SqliteDatabase
  /** Past the adapter, on a connection of its own. */
  readonly raw: Database.Database
}

/** A file of the test's own, migrated; removed when the test ends. */
export async function openSqlite(options?: SqlJobStoreOptions): Promise<SqliteStore> {
  const folder = await mkdtemp(join(tmpdir(), 'stepping-job-store-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'jobs.db')
  const connect = (): Database.Database => {
    const client = new Database(file)
    onTestFinished(() => void client.close())
    return client
  }
  const client = connect()
  client.pragma('journal_mode = wal')
  const database = databaseOf(client, 'orders')
  await database.migrate()
  const store = sqlJobStore(database, options)
  await store.migrate()
  const raw = connect()
  return {
    store,
    database,
    file,
    raw,
    inTransaction: (work) => database.transaction((tx) => work(database.context(tx))),
    again: (name) => databaseOf(connect(), name),
    async pass(ms) {
      raw
        .prepare(
          `update stepping_job set due_at = due_at - $ms, lease_until = lease_until - $ms,
            created_at = created_at - $ms, finished_at = finished_at - $ms`,
        )
        .run({ ms })
      raw
        .prepare(
          `update stepping_history set created_at = created_at - $ms, finished_at = finished_at - $ms`,
        )
        .run({ ms })
    },
    async stored(gid) {
      const row = raw
        .prepare(
          `select state, cursor, attempts, last_error as lastError from stepping_job where gid = ?`,
        )
        .get(gid)
      return (row as never) ?? null
    },
  }
}
