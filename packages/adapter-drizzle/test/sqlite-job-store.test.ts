import { describeJobStore } from '@stepping/conformance'
import type { OpenStore } from '@stepping/conformance'
import { sqlJobStore } from '@stepping/self-tm'
import { afterAll, beforeAll, describe } from 'vitest'
import { libsqlFile, libsqlOverHttp } from './sqlite-drivers.ts'
import type { OpenSqlite } from './sqlite-drivers.ts'

// That over better-sqlite3 is in the tests of the store itself.
describe.each([libsqlFile, libsqlOverHttp])('over $name', (driver) => {
  let database: OpenSqlite
  let stores = 0

  beforeAll(async () => {
    database = await driver.open()
  })

  afterAll(async () => {
    await database.close()
  })

  /** With tables of its own. */
  async function open(): Promise<OpenStore> {
    const prefix = `s${++stores}_`
    const { query } = database
    const orders = database.over({ prefix })
    await orders.migrate()
    const store = sqlJobStore(orders)
    await store.migrate()
    return {
      store,
      inTransaction: (work) => orders.transaction((tx) => work(orders.context(tx))),
      async pass(ms) {
        await query(
          `update ${prefix}job set due_at = due_at - ?1, lease_until = lease_until - ?1,
            created_at = created_at - ?1, finished_at = finished_at - ?1`,
          [ms],
        )
      },
      async stored(gid) {
        const [row] = await query(
          `select state, cursor, attempts, last_error as lastError from ${prefix}job where gid = ?`,
          [gid],
        )
        return (row as never) ?? null
      },
    }
  }

  describeJobStore({ name: `SQLite, through Drizzle and ${driver.name}`, open })
})
