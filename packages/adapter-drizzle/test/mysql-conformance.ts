import { commitProxy, mysqlProbe } from '@stepping/conformance'
import type { DatabaseHarness } from '@stepping/conformance'
import { freshMysqlDatabase } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { createConnection, createPool } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import { inject } from 'vitest'
import { drizzleMysql } from '../src/index.ts'

const notes = mysqlTable('notes', { text: varchar({ length: 200 }).primaryKey() })

type Db = ReturnType<typeof drizzle>
export type MysqlTx = Parameters<Parameters<Db['transaction']>[0]>[0]

export const drizzleOverMysql2: DatabaseHarness<MysqlTx> = {
  name: 'Drizzle over mysql2',
  open: async () => {
    const fresh = await freshMysqlDatabase(inject('mysqlUrl'), 'conformance')
    const { hostname, port } = new URL(fresh.url)
    const proxy = await commitProxy({ host: hostname, port: Number(port) })
    const url = Object.assign(new URL(fresh.url), { hostname: '127.0.0.1', port: `${proxy.port}` })
    const pool = createPool({ uri: url.href, connectionLimit: 10 })
    const db = drizzle(pool)
    const raw = await createConnection(fresh.url)
    await raw.query('create table notes (text varchar(200) primary key)')
    return {
      over: ({ name, tables }) =>
        drizzleMysql(db, { name, ...(tables !== undefined && { prefix: tables }) }),
      write: async (tx, text) => await tx.insert(notes).values({ text }),
      read: async (tx) => (await tx.select().from(notes)).map((row) => row.text),
      mistakes: { 'the database': db, 'the pool': pool },
      openByHand: (work) => db.transaction(work),
      begin: { lacking: 'Drizzle has transactions as callbacks only' },
      savepoint: (tx, work) => tx.transaction(work),
      doom: async (tx) => await tx.execute(sql`rollback`),
      rollback: async (tx) => await tx.execute(sql`rollback`),
      failOnce: { lacking: 'Drizzle runs a callback once' },
      loseCommit: (part) => proxy.lose(part),
      probe: mysqlProbe(
        async (text, values) => (await raw.query<RowDataPacket[]>(text, values))[0],
      ),
      async close() {
        await Promise.all([pool.end(), raw.end()])
        await proxy.close()
        await fresh.drop()
      },
    }
  },
}
