import { createClient } from '@libsql/client'
import { drizzleSqlite } from '@stepping/adapter-drizzle'
import { selfTm } from '@stepping/self-tm'
import { drizzle } from 'drizzle-orm/libsql'
import { runOneJob } from './one-job.ts'

const client = createClient({ url: 'file:orders.db' })
const db = drizzle({ client })
await db.run('create table orders (id int)')
const orders = drizzleSqlite(db, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (tx) => {
  await tx.run('insert into orders values (7)')
  // @ts-expect-error The transaction has its library's own type, not any.
  void tx.nothing
})
client.close()
