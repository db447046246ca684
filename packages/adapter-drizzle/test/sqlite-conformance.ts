import { commitProxy, sqliteProbe } from '@stepping/conformance'
import type { DatabaseHarness } from '@stepping/conformance'
import { sql } from 'drizzle-orm'
import { drizzleSqlite } from '../src/index.ts'
import { notes } from './sqlite-drivers.ts'
import type { SqliteDriver, Tx } from './sqlite-drivers.ts'

/** The driver as the kit wants it. */
export function conformanceOf(driver: SqliteDriver): DatabaseHarness<Tx> {
  return {
    name: `Drizzle over ${driver.name}`,
    async open() {
      const open = await driver.open()
      const proxy =
        open.server && (await commitProxy({ host: '127.0.0.1', port: open.server.port }))
      const { db, close } = open.connect(proxy && `http://127.0.0.1:${proxy.port}`)
      const { ownTransactions } = drizzleSqlite(db, { name: 'orders' }).limits
      const isSync = driver.kind === 'better-sqlite3'
      return {
        over: ({ name, tables }) =>
          drizzleSqlite(db, { name, ...(tables !== undefined && { prefix: tables }) }),
        write: async (tx, note) => await tx.insert(notes).values({ text: note }),
        read: async (tx) => (await tx.select().from(notes)).map((row) => row.text),
        mistakes: { 'the database': db },
        openByHand:
          ownTransactions === undefined
            ? async (work) => await db.transaction(work)
            : { lacking: ownTransactions },
        begin: { lacking: 'Drizzle has transactions as callbacks only' },
        savepoint: isSync
          ? { lacking: 'a nested transaction of better-sqlite3 cannot wait for anything' }
          : async (tx, work) => await tx.transaction(work),
        doom: async (tx) =>
          await tx.run(
            sql`with once as (select 'doomed' as text) insert or rollback into notes select text from once union all select text from once`,
          ),
        rollback: async (tx) => await tx.run(sql`rollback`),
        failOnce: { lacking: 'Drizzle runs a callback once' },
        loseCommit: proxy
          ? (part) => proxy.lose(part)
          : { lacking: 'SQLite runs in this process: there is no connection to lose' },
        probe: sqliteProbe(open.query),
        async close() {
          close()
          await proxy?.close()
          await open.close()
        },
      }
    },
  }
}
