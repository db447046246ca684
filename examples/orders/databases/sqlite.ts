import { drizzleSqlite } from '@stepping/adapter-drizzle'
import Sqlite from 'better-sqlite3'
import { and, eq, gte, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Order, Sale } from '../shop-database.ts'

const orders = sqliteTable('orders', {
  id: text().primaryKey(),
  sku: text().notNull(),
  quantity: integer().notNull(),
  email: text().notNull(),
})
const stock = sqliteTable('stock', { sku: text().primaryKey(), units: integer().notNull() })
const sales = sqliteTable('sales', { sku: text().primaryKey(), units: integer().notNull() })

const client = new Sqlite(process.env['DATABASE_URL'])
client.pragma('journal_mode = wal')
const db = drizzle({ client })
type Tx = Pick<typeof db, 'insert' | 'update'>

export const database = drizzleSqlite(db, { name: 'shop' })

export async function insertOrder(tx: Tx, order: Order): Promise<void> {
  await tx.insert(orders).values(order)
}

export async function takeFromStock(tx: Tx, sku: string, units: number): Promise<boolean> {
  const taken = await tx
    .update(stock)
    .set({ units: sql`${stock.units} - ${units}` })
    .where(and(eq(stock.sku, sku), gte(stock.units, units)))
    .returning()
  return taken.length > 0
}

export async function addToSales(tx: Tx, sku: string, units: number): Promise<void> {
  await tx
    .insert(sales)
    .values({ sku, units })
    .onConflictDoUpdate({ target: sales.sku, set: { units: sql`${sales.units} + ${units}` } })
}

export async function listOrders(): Promise<Order[]> {
  return await db.select().from(orders)
}

export async function listSales(): Promise<Sale[]> {
  return await db.select().from(sales)
}

export async function createTables(): Promise<void> {
  db.run(sql`create table if not exists ${orders} (
    id text primary key, sku text not null, quantity int not null, email text not null)`)
  for (const table of [stock, sales]) {
    db.run(sql`create table if not exists ${table} (sku text primary key, units int not null)`)
  }
  await db.insert(stock).values({ sku: 'teapot', units: 10 }).onConflictDoNothing()
}

export async function close(): Promise<void> {
  client.close()
}
