import { drizzleMysql } from '@stepping/adapter-drizzle'
import { and, eq, gte, sql } from 'drizzle-orm'
import { int, mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { createPool } from 'mysql2/promise'
import type { Order, Sale } from '../shop-database.ts'

const orders = mysqlTable('orders', {
  id: varchar({ length: 36 }).primaryKey(),
  sku: varchar({ length: 100 }).notNull(),
  quantity: int().notNull(),
  email: varchar({ length: 320 }).notNull(),
})
const stock = mysqlTable('stock', {
  sku: varchar({ length: 100 }).primaryKey(),
  units: int().notNull(),
})
const sales = mysqlTable('sales', {
  sku: varchar({ length: 100 }).primaryKey(),
  units: int().notNull(),
})

const pool = createPool(process.env['DATABASE_URL']!)
const db = drizzle({ client: pool })
type Tx = Pick<typeof db, 'insert' | 'update'>

export const database = drizzleMysql(db, { name: 'shop' })

export async function insertOrder(tx: Tx, order: Order): Promise<void> {
  await tx.insert(orders).values(order)
}

export async function takeFromStock(tx: Tx, sku: string, units: number): Promise<boolean> {
  const [{ affectedRows }] = await tx
    .update(stock)
    .set({ units: sql`${stock.units} - ${units}` })
    .where(and(eq(stock.sku, sku), gte(stock.units, units)))
  return affectedRows > 0
}

export async function addToSales(tx: Tx, sku: string, units: number): Promise<void> {
  await tx
    .insert(sales)
    .values({ sku, units })
    .onDuplicateKeyUpdate({ set: { units: sql`${sales.units} + ${units}` } })
}

export async function listOrders(): Promise<Order[]> {
  return await db.select().from(orders)
}

export async function listSales(): Promise<Sale[]> {
  return await db.select().from(sales)
}

export async function createTables(): Promise<void> {
  await db.execute(sql`create table if not exists ${orders} (
    id varchar(36) primary key, sku varchar(100) not null, quantity int not null,
    email varchar(320) not null)`)
  for (const table of [stock, sales]) {
    await db.execute(sql`create table if not exists ${table} (
      sku varchar(100) primary key, units int not null)`)
  }
  await db.insert(stock).ignore().values({ sku: 'teapot', units: 10 })
}

export async function close(): Promise<void> {
  await pool.end()
}
