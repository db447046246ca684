import { pg } from '@stepping/adapter-pg'
import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import type { Library, OpenLibrary } from '../library.ts'

export const nodePostgres: Library = {
  async open(url, ref = { name: 'orders' }) {
    const pool = new Pool({ connectionString: url })
    const database = pg(pool, ref)
    const library: OpenLibrary<PoolClient> = {
      database,
      async createTables() {
        for (const table of ['orders', 'ledger']) {
          await pool.query(
            `create table if not exists ${table} (gid text not null, what text not null)`,
          )
        }
      },
      insert: async (client, table, { gid, what }) =>
        void (await client.query(`insert into ${table} values ($1, $2)`, [gid, what])),
      rows: async (table) => (await pool.query(`select gid, what from ${table}`)).rows,
      async ownTransaction(work) {
        const client = await pool.connect()
        try {
          await client.query('begin')
          const value = await work(client, database.context(client))
          await client.query('commit')
          return value
        } catch (error) {
          await client.query('rollback')
          throw error
        } finally {
          client.release()
        }
      },
      async begin() {
        const client = await pool.connect()
        await client.query('begin')
        const end = async (): Promise<void> => {
          await client.query('rollback').catch(() => {})
          client.release()
        }
        return { tx: client, end }
      },
      close: () => pool.end(),
    }
    return library
  },
}
