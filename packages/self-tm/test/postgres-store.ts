import { drizzlePostgres } from '../../adapter-drizzle/src/index.ts'
import { sqlJobStore } from '@stepping/self-tm'
import type { JobStore, SqlJobStoreOptions } from '@stepping/self-tm'
import { freshDatabase } from '@stepping/test-support'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import type { OpenStore } from '../../conformance/src/index.ts'

function databaseOf(pool: Pool, schema: string) {
  return drizzlePostgres(drizzle(pool), { name: 'orders', schema })
}

export interface PostgresStore extends OpenStore {
  readonly store: JobStore
  readonly database: ReturnType<typeof databaseOf>
  readonly schema: string
  /** Past the adapter. `$job` and `$history` stand for the tables. */
  readonly query: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>
}

/** One database for the tests of a file; each `open` makes a schema of its own in it. */
export function usePostgres(settings: readonly string[] = []): {
  readonly open: (options?: SqlJobStoreOptions) => Promise<PostgresStore>
  readonly pool: () => Pool
  /** A connection beside the pool. */
  readonly connect: () => Promise<Client & AsyncDisposable>
} {
  let pool: Pool
  let drop: () => Promise<void>
  let schemas = 0

  beforeAll(async () => {
    const fresh = await freshDatabase(inject('postgresUrl'), 'job store')
    drop = () => fresh.drop()
    pool = new Pool({ connectionString: fresh.url })
    const name = new URL(fresh.url).pathname.slice(1)
    for (const setting of settings) await pool.query(`alter database ${name} set ${setting}`)
    if (settings.length > 0) {
      // Settings of a database hold for new connections.
      await pool.end()
      pool = new Pool({ connectionString: fresh.url })
    }
  })

  afterAll(async () => {
    await pool.end()
    await drop()
  })

  return {
    pool: () => pool,
    async connect() {
      const client = new Client(pool.options)
      await client.connect()
      return Object.assign(client, { [Symbol.asyncDispose]: async () => await client.end() })
    },
    async open(options) {
      const schema = `s${++schemas}`
      const database = databaseOf(pool, schema)
      await database.migrate()
      const store = sqlJobStore(database, options)
      await store.migrate()

      async function query(
        text: string,
        values: unknown[] = [],
      ): Promise<Record<string, unknown>[]> {
        const named = text.replaceAll(/\$(job|history)\b/g, (_, table) => `"${schema}"."${table}"`)
        return (await pool.query<Record<string, unknown>>(named, values)).rows
      }

      return {
        store,
        database,
        schema,
        query,
        inTransaction: (work) => database.transaction((tx) => work(database.context(tx))),
        async pass(ms) {
          const back = `- ${ms} * interval '1 ms'`
          await query(`update $job set due_at = due_at ${back}, lease_until = lease_until ${back},
            created_at = created_at ${back}, finished_at = finished_at ${back}`)
          await query(
            `update $history set created_at = created_at ${back}, finished_at = finished_at ${back}`,
          )
        },
        async stored(gid) {
          const rows = await query(
            `select state, cursor, attempts, last_error as "lastError" from $job where gid = $1`,
            [gid],
          )
          return (rows[0] as never) ?? null
        },
      }
    },
  }
}
