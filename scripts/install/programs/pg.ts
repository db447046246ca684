import { pg } from '@stepping/adapter-pg'
import { selfTm } from '@stepping/self-tm'
import library from 'pg'
import { runOneJob } from './one-job.ts'

// oxlint-disable-next-line import/no-named-as-default-member -- before 8.15 there is no other way
const { Pool } = library
const pool = new Pool({ connectionString: process.env['DATABASE_URL'] })
await pool.query('create table orders (id int)')
const orders = pg(pool, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (tx) => {
  await tx.query('insert into orders values (7)')
  // @ts-expect-error The transaction has its library's own type, not any.
  void tx.nothing
})
await pool.end()
