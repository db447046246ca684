import { PGlite } from '@electric-sql/pglite'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { and, eq, gte, sql } from 'drizzle-orm'
import { drizzle as drizzlePool } from 'drizzle-orm/node-postgres'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { Pool } from 'pg'
import type { Order, Sale } from '../shop-database.ts'

const orders = pgTable('orders', {
  id: uuid().primaryKey(),
  sku: text().notNull(),
  quantity: integer().notNull(),
  email: text().notNull(),
})
const stock = pgTable('stock', { sku: text().primaryKey(), units: integer().notNull() })
const sales = pgTable('sales', { sku: text().primaryKey(), units: integer().notNull() })

/** A PostgreSQL server, or PGlite: PostgreSQL inside this process, with its data in a folder. */
const { DATABASE, DATABASE_URL } = process.env
const client =
  DATABASE === 'postgres' ? new Pool({ connectionString: DATABASE_URL }) : new PGlite(DATABASE_URL)

type Db = PgDatabase<PgQueryResultHKT>
const db: Db = client instanceof Pool ? drizzlePool(client) : drizzlePglite(client)

export const database = drizzlePostgres(db, { name: 'shop' })

export async function insertOrder(tx: Db, order: Order): Promise<void> {
  await tx.insert(orders).values(order)
}

export async function takeFromStock(tx: Db, sku: string, units: number): Promise<boolean> {
  const taken = await tx
    .update(stock)
    .set({ units: sql`${stock.units} - ${units}` })
    .where(and(eq(stock.sku, sku), gte(stock.units, units)))
    .returning()
  return taken.length > 0
}

export async function addToSales(tx: Db, sku: string, units: number): Promise<void> {
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
  await db.execute(sql`create table if not exists ${orders} (
    id uuid primary key, sku text not null, quantity int not null, email text not null)`)
  for (const table of [stock, sales]) {
    await db.execute(sql`create table if not exists ${table} (
      sku text primary key, units int not null)`)
  }
  await db.insert(stock).values({ sku: 'teapot', units: 10 }).onConflictDoNothing()
}

export async function close(): Promise<void> {
  await (client instanceof Pool ? client.end() : client.close())
}
