import { sequelize } from '@stepping/adapter-sequelize'
import { selfTm } from '@stepping/self-tm'
import { Sequelize } from 'sequelize'
import { runOneJob } from './one-job.ts'

const db = new Sequelize(process.env['DATABASE_URL']!, { logging: false })
await db.query('create table orders (id int)')
const orders = sequelize(db, { name: 'orders' })
await runOneJob(selfTm({ database: orders }), orders, async (transaction) => {
  await db.query('insert into orders values (7)', { transaction })
  // @ts-expect-error The transaction has its library's own type, not any.
  void transaction.nothing
})
await db.close()
