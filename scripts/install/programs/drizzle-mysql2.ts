import { drizzleMysql } from '@stepping/adapter-drizzle'
import { selfTm } from '@stepping/self-tm'
import { drizzle } from 'drizzle-orm/mysql2'
import { createPool } from 'mysql2/promise'
import { runOneJob } from './one-job.ts'

const pool = createPool(process.env['DATABASE_URL']!)
const db = drizzle({ client: pool })
await db.execute('create table orders (id int)')
const orders = drizzleMysql(db, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (tx) => {
  await tx.execute('insert into orders values (7)')
  // @ts-expect-error The transaction has its library's own type, not any.
  void tx.nothing
})
await pool.end()
