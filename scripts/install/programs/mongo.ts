import { mongo } from '@stepping/adapter-mongo'
import { selfTm } from '@stepping/self-tm'
import { MongoClient } from 'mongodb'
import { runOneJob } from './one-job.ts'

const client = new MongoClient(process.env['DATABASE_URL']!)
const db = client.db()
await db.createCollection('orders')
const orders = mongo(db, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (session) => {
  await db.collection('orders').insertOne({ id: 7 }, { session })
  // @ts-expect-error The session has its library's own type, not any.
  void session.nothing
})
await client.close()
