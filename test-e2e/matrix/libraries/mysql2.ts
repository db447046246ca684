import { mysql2 } from '@stepping/adapter-mysql2'
import { createPool } from 'mysql2/promise'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import type { Library, OpenLibrary, Row } from '../library.ts'

export const mysql2Pool: Library = {
  async open(url, ref = { name: 'orders' }) {
    const pool = createPool(url)
    const database = mysql2(pool, ref)
    const library: OpenLibrary<PoolConnection> = {
      database,
      async createTables() {
        for (const table of ['orders', 'ledger']) {
          await pool.query(
            `create table if not exists ${table} (gid varchar(128) not null, what varchar(128) not null)`,
          )
        }
      },
      insert: async (connection, table, { gid, what }) =>
        void (await connection.query(`insert into ${table} values (?, ?)`, [gid, what])),
      async rows(table) {
        const [rows] = await pool.query<(Row & RowDataPacket)[]>(`select gid, what from ${table}`)
        return rows
      },
      async ownTransaction(work) {
        const connection = await pool.getConnection()
        try {
          await connection.beginTransaction()
          const value = await work(connection, database.context(connection))
          await connection.commit()
          return value
        } catch (error) {
          await connection.rollback()
          throw error
        } finally {
          connection.release()
        }
      },
      async begin() {
        const connection = await pool.getConnection()
        await connection.beginTransaction()
        const end = async (): Promise<void> => {
          await connection.rollback().catch(() => {})
          connection.release()
        }
        return { tx: connection, end }
      },
      close: () => pool.end(),
    }
    return library
  },
}
