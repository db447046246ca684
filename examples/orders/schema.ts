import { sql } from 'drizzle-orm'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { integer, pgSchema, text, uuid } from 'drizzle-orm/pg-core'

const shop = pgSchema(process.env['SHOP_SCHEMA'] ?? 'shop')

export const orders = shop.table('orders', {
  id: uuid().primaryKey(),
  sku: text().notNull(),
  quantity: integer().notNull(),
  email: text().notNull(),
})

export type Order = typeof orders.$inferSelect

export const stock = shop.table('stock', { sku: text().primaryKey(), units: integer().notNull() })

/** The read model: units sold. */
export const sales = shop.table('sales', { sku: text().primaryKey(), units: integer().notNull() })

/** What a real app leaves to its migration tool, and ten teapots to sell. */
export async function createTables(db: PgDatabase<PgQueryResultHKT>): Promise<void> {
  await db.execute(sql`create schema if not exists ${sql.identifier(shop.schemaName)}`)
  await db.execute(sql`create table if not exists ${orders} (
    id uuid primary key, sku text not null, quantity int not null, email text not null)`)
  await db.execute(sql`create table if not exists ${stock} (
    sku text primary key, units int not null)`)
  await db.execute(sql`create table if not exists ${sales} (
    sku text primary key, units int not null)`)
  await db.insert(stock).values({ sku: 'teapot', units: 10 }).onConflictDoNothing()
}
