import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Pool } from 'pg'

const orders = pgTable('orders', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  sku: text().notNull(),
})
const pool = new Pool({ connectionString: process.env['DATABASE_URL'] })
const db = drizzle(pool)

const id = await db.transaction(async (tx) => {
  const [order] = await tx.insert(orders).values({ sku: 'A1' }).returning()
  return order!.id
})
console.log(`order ${id}`)
await pool.end()
