import type { Database } from '@stepping/core'
import type { SelfTmOptions } from '@stepping/self-tm'

export interface Order {
  readonly id: string
  readonly sku: string
  readonly quantity: number
  readonly email: string
}

/** A line of the read model. */
export interface Sale {
  readonly sku: string
  readonly units: number
}

/** What each file in `databases` exports. `tx` is a transaction of the library that it uses. */
export interface ShopDatabase {
  /** The database, as jobs are tied to its transactions and kept in it. */
  readonly database: Database<unknown> & NonNullable<SelfTmOptions['database']>

  insertOrder(tx: unknown, order: Order): Promise<void>
  /** @returns whether there were as many */
  takeFromStock(tx: unknown, sku: string, units: number): Promise<boolean>
  addToSales(tx: unknown, sku: string, units: number): Promise<void>

  listOrders(): Promise<Order[]>
  listSales(): Promise<Sale[]>

  /** What a real app leaves to its migration tool, and ten teapots to sell. */
  createTables(): Promise<void>
  close(): Promise<void>
}
