import { sequelize } from '@stepping/adapter-sequelize'
import type { DatabaseRef } from '@stepping/core'
import { QueryTypes, Sequelize } from 'sequelize'
import type { Transaction } from 'sequelize'
import type { Library, OpenLibrary, Row } from '../library.ts'

/** The dialect is that of the URL. */
export const sequelizeByUrl: Library = {
  open: (url, ref) => opened(new Sequelize(url, { logging: false }), ref),
}

async function opened(db: Sequelize, ref: DatabaseRef = { name: 'orders' }): Promise<OpenLibrary> {
  const database = sequelize(db, ref)
  const library: OpenLibrary<Transaction> = {
    database,
    async createTables() {
      for (const table of ['orders', 'ledger']) {
        await db.query(
          `create table if not exists ${table} (gid varchar(128) not null, what varchar(128) not null)`,
        )
      }
    },
    insert: async (transaction, table, { gid, what }) =>
      void (await db.query(`insert into ${table} values (?, ?)`, {
        replacements: [gid, what],
        transaction,
      })),
    rows: async (table) =>
      await db.query<Row>(`select gid, what from ${table}`, { type: QueryTypes.SELECT }),
    ownTransaction: async (work) =>
      await db.transaction((transaction) => work(transaction, database.context(transaction))),
    async begin() {
      const tx = await db.transaction()
      return { tx, end: () => tx.rollback().catch(() => {}) }
    },
    close: () => db.close(),
  }
  return library
}
