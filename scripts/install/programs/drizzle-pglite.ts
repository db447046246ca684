import { PGlite } from '@electric-sql/pglite'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { printSchema, selfTm } from '@stepping/self-tm'
import { drizzle } from 'drizzle-orm/pglite'
import { runOneJob } from './one-job.ts'

const client = new PGlite()
const db = drizzle({ client })
await db.execute('create table orders (id int)')
const orders = drizzlePostgres(db, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (tx) => {
  await tx.execute('insert into orders values (7)')
  // @ts-expect-error The transaction has its library's own type, not any.
  void tx.nothing
})
if (!printSchema().includes('create table "stepping"."job"'))
  throw new Error('No schema is printed.')
await client.close()
