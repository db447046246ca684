import { mysql2 } from '../../adapter-mysql2/src/index.ts'
import { sqlJobStore } from '@stepping/self-tm'
import type { JobStore, SqlJobStoreOptions } from '@stepping/self-tm'
import { freshMysqlDatabase } from '@stepping/test-support'
import { createConnection, createPool } from 'mysql2/promise'
import type { Connection, Pool, PoolOptions, RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, inject } from 'vitest'
import type { OpenStore } from '../../conformance/src/index.ts'

export interface MysqlStore extends OpenStore {
  readonly store: JobStore
  readonly database: ReturnType<typeof mysql2>
  readonly prefix: string
  /** Past the adapter. `$job` and `$history` stand for the tables. */
  readonly query: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>
}

/** One database for the tests of a file; each `open` makes tables of its own in it. */
export function useMysql(settings: PoolOptions = {}): {
  readonly open: (options?: SqlJobStoreOptions) => Promise<MysqlStore>
  readonly pool: () => Pool
  /** A connection beside the pool. */
  readonly connect: () => Promise<Connection & AsyncDisposable>
} {
  let url: string
  let pool: Pool
  let probe: Pool
  let drop: () => Promise<void>
  let stores = 0

  beforeAll(async () => {
    const fresh = await freshMysqlDatabase(inject('mysqlUrl'), 'job store')
    url = fresh.url
    drop = () => fresh.drop()
    pool = createPool({ uri: url, ...settings })
    probe = createPool({ uri: url })
  })

  afterAll(async () => {
    await Promise.all([pool.end(), probe.end()])
    await drop()
  })

  return {
    pool: () => pool,
    connect: () => createConnection(url),
    async open(options) {
      const prefix = `s${++stores}_`
      const database = mysql2(pool, { name: 'orders', prefix })
      await database.migrate()
      const store = sqlJobStore(database, options)
      await store.migrate()

      async function query(
        text: string,
        values: unknown[] = [],
      ): Promise<Record<string, unknown>[]> {
        const named = text.replaceAll(/\$(job|history)\b/g, (_, table) => `${prefix}${table}`)
        return (await probe.query<RowDataPacket[]>(named, values))[0]
      }

      return {
        store,
        database,
        prefix,
        query,
        inTransaction: (work) => database.transaction((tx) => work(database.context(tx))),
        async pass(ms) {
          const back = `- interval ${ms * 1_000} microsecond`
          await query(`update $job set due_at = due_at ${back}, lease_until = lease_until ${back},
            created_at = created_at ${back}, finished_at = finished_at ${back}`)
          await query(
            `update $history set created_at = created_at ${back}, finished_at = finished_at ${back}`,
          )
        },
        async stored(gid) {
          const rows = await query(
            `select state, j.cursor, attempts, last_error as lastError from $job j where gid = ?`,
            [gid],
          )
          return (rows[0] as never) ?? null
        },
      }
    },
  }
}
