// Places one order with a job, by form 2 or 4, and dies around its COMMIT; or only works on what is there.
import { createStepping, defineStep, unchecked } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { createPool } from 'mysql2/promise'
import type { Pool } from 'mysql2/promise'
import { mysql2 } from '../../src/index.ts'

export interface CrashingAppEnvironment {
  ORDERS_URL: string
  STORE_URL: string
  FORM?: 'a transaction' | 'a commit by hand'
  CRASH?: CrashPoint
}

export type CrashPoint = 'before the commit' | 'with the commit on its way' | 'after the commit'

const env = process.env as unknown as CrashingAppEnvironment
const pool = createPool(env.ORDERS_URL)
const orders = mysql2(pool, { name: 'orders' })
const store =
  env.STORE_URL === env.ORDERS_URL ? orders : mysql2(createPool(env.STORE_URL), { name: 'jobs' })
const mail = defineStep({
  name: 'Mail',
  args: unchecked<{ sku: string }>(),
  async run({ args, once }) {
    await once(orders, async (connection) => {
      await connection.query('insert into mails (sku) values (?)', [args.sku])
    })
  },
})
const stepping = createStepping({
  app: 'shop',
  tm: selfTm({ database: store, leaseMs: 1_000, pollMs: 100, queryPreparedAfterMs: 200 }),
  databases: [orders],
  steps: [mail],
})
await stepping.start()
console.log('started')

if (env.CRASH) dieAt(pool, env.CRASH)
if (env.FORM === 'a transaction') {
  await stepping.transaction(orders, async (connection, job) => {
    await connection.query(`insert into orders (sku) values ('placed')`)
    job.addStep(mail, { sku: 'placed' })
  })
}
if (env.FORM === 'a commit by hand') {
  const connection = await pool.getConnection()
  await connection.beginTransaction()
  await connection.query(`insert into orders (sku) values ('placed')`)
  await stepping.createJob(orders.context(connection)).addStep(mail, { sku: 'placed' }).start()
}

/** At the first COMMIT after the order: it is the one of the order. */
function dieAt(of: Pool, point: CrashPoint): void {
  const getConnection = of.getConnection.bind(of)
  of.getConnection = async () => {
    const connection = await getConnection()
    const { connection: core } = connection as unknown as { connection: Core }
    const query = core.query.bind(core)
    let hasOrder = false
    // The promises end here as well.
    core.query = (statement, ...rest) => {
      const text = typeof statement === 'string' ? statement : statement.sql
      if (text.includes('into orders')) hasOrder = true
      if (!hasOrder || text !== 'commit') return query(statement, ...rest)
      if (point === 'before the commit') die()
      // The kernel has it; whether the server gets to it is a race.
      if (point === 'with the commit on its way') setImmediate(die)
      return query(statement, point === 'after the commit' ? die : () => {})
    }
    return connection
  }
}

interface Core {
  query(statement: string | { readonly sql: string }, ...rest: readonly unknown[]): unknown
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
