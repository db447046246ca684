import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { selfTm } from '@stepping/self-tm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import { runOneJob } from './one-job.ts'

const pool = new Pool({ connectionString: process.env['DATABASE_URL'] })
const db = drizzle({ client: pool })
await db.execute('create table orders (id int)')
const orders = drizzlePostgres(db, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (tx) => {
  await tx.execute('insert into orders values (7)')
  // @ts-expect-error The transaction has its library's own type, not any.
  void tx.nothing
})
await pool.end()
