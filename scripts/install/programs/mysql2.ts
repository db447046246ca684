import { mysql2 } from '@stepping/adapter-mysql2'
import { selfTm } from '@stepping/self-tm'
import { createPool } from 'mysql2/promise'
import { runOneJob } from './one-job.ts'

const pool = createPool(process.env['DATABASE_URL']!)
await pool.query('create table orders (id int)')
const orders = mysql2(pool, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (tx) => {
  await tx.query('insert into orders values (7)')
  // @ts-expect-error The transaction has its library's own type, not any.
  void tx.nothing
})
await pool.end()
