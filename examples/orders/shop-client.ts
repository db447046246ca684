import type { Health } from '@stepping/core'
import { NotObserved } from './observe.ts'
import type { Order, Sale } from './shop-database.ts'
import type { ShopProcess } from './shop-process.ts'

/** Orders teapots; resolves with the HTTP status. */
export async function orderTeapots(
  shop: ShopProcess,
  email: string,
  quantity: number,
): Promise<number> {
  const body = JSON.stringify({ sku: 'teapot', quantity, email })
  const response = await request(shop, '/orders', { method: 'POST', body })
  await response.body?.cancel()
  return response.status
}

export async function listOrders(shop: ShopProcess): Promise<Order[]> {
  return await get<Order[]>(shop, '/orders')
}

/** How many teapots the read model says were sold. */
export async function teapotsSold(shop: ShopProcess): Promise<number> {
  const sales = await get<Sale[]>(shop, '/sales')
  return sales[0]?.units ?? 0
}

/** How many jobs lie in the shop's database: begun, waiting or parked. */
export async function jobsLeft(shop: ShopProcess): Promise<number> {
  const { jobs } = await get<Health>(shop, '/health')
  return jobs ? jobs.prepared + jobs.submitted + jobs.parked : NaN
}

async function get<T>(shop: ShopProcess, path: string): Promise<T> {
  const response = await request(shop, path)
  return (await response.json()) as T
}

async function request(shop: ShopProcess, path: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(shop.url + path, { ...init, signal: AbortSignal.timeout(10_000) })
  } catch (error) {
    const { cause = error } = error as { cause?: unknown }
    throw new NotObserved(`the shop answers ${init?.method ?? 'GET'} ${path} (${String(cause)})`)
  }
}
