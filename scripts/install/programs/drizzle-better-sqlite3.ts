import { drizzleSqlite } from '@stepping/adapter-drizzle'
import { selfTm } from '@stepping/self-tm'
import Sqlite from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { runOneJob } from './one-job.ts'

const client = new Sqlite('orders.db')
const db = drizzle({ client })
db.run('create table orders (id int)')
const orders = drizzleSqlite(db, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (tx) => {
  tx.run('insert into orders values (7)')
  // @ts-expect-error The transaction has its library's own type, not any.
  void tx.nothing
})
client.close()
