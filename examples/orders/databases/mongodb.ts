import { mongo } from '@stepping/adapter-mongo'
import { MongoClient } from 'mongodb'
import type { ClientSession } from 'mongodb'
import type { Order, Sale } from '../shop-database.ts'

const client = new MongoClient(process.env['DATABASE_URL']!)
const db = client.db()
const orders = db.collection<{ _id: string } & Omit<Order, 'id'>>('orders')
const stock = db.collection<{ _id: string; units: number }>('stock')
const sales = db.collection<{ _id: string; units: number }>('sales')

export const database = mongo(db, { name: 'shop' })

export async function insertOrder(session: ClientSession, order: Order): Promise<void> {
  const { id, ...rest } = order
  await orders.insertOne({ _id: id, ...rest }, { session })
}

export async function takeFromStock(
  session: ClientSession,
  sku: string,
  units: number,
): Promise<boolean> {
  const { matchedCount } = await stock.updateOne(
    { _id: sku, units: { $gte: units } },
    { $inc: { units: -units } },
    { session },
  )
  return matchedCount > 0
}

export async function addToSales(
  session: ClientSession,
  sku: string,
  units: number,
): Promise<void> {
  await sales.updateOne({ _id: sku }, { $inc: { units } }, { session, upsert: true })
}

export async function listOrders(): Promise<Order[]> {
  return await orders
    .find()
    .map(({ _id: id, ...rest }) => ({ id, ...rest }))
    .toArray()
}

export async function listSales(): Promise<Sale[]> {
  return await sales
    .find()
    .map(({ _id: sku, units }) => ({ sku, units }))
    .toArray()
}

export async function createTables(): Promise<void> {
  const teapot = { _id: 'teapot' }
  await stock.updateOne(teapot, { $setOnInsert: { units: 10 } }, { upsert: true })
}

export async function close(): Promise<void> {
  await client.close()
}
