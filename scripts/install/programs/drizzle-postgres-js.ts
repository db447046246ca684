import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { selfTm } from '@stepping/self-tm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { runOneJob } from './one-job.ts'

const client = postgres(process.env['DATABASE_URL']!, { onnotice: () => {} })
const db = drizzle({ client })
await db.execute('create table orders (id int)')
const orders = drizzlePostgres(db, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (tx) => {
  await tx.execute('insert into orders values (7)')
  // @ts-expect-error The transaction has its library's own type, not any.
  void tx.nothing
})
await client.end()
