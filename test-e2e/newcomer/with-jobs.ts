import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { createStepping, defineStep, unchecked } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Pool } from 'pg'

const orders = pgTable('orders', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  sku: text().notNull(),
})
const pool = new Pool({ connectionString: process.env['DATABASE_URL'] })
const db = drizzlePostgres(drizzle(pool), { name: 'orders' })
const sent = Promise.withResolvers<number>()
const sendMail = defineStep({
  name: 'SendMail',
  args: unchecked<{ orderId: number }>(),
  run({ args, attempt }) {
    if (attempt < 3) throw new Error('the mail server is busy')
    sent.resolve(args.orderId)
  },
})
const stepping = createStepping({ app: 'shop', tm: selfTm({ database: db }), steps: [sendMail] })
await stepping.migrate()
await stepping.start()

const id = await stepping.transaction(db, async (tx, job) => {
  const [order] = await tx.insert(orders).values({ sku: 'A1' }).returning()
  job.addStep(sendMail, { orderId: order!.id })
  return order!.id
})
console.log(`order ${id}`)
console.log(`mail for order ${await sent.promise}`)
await stepping.close()
await pool.end()
