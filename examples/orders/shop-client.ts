import type { Health } from '@stepping/core'
import type { ShopProcess } from './shop-process.ts'

export interface Order {
  readonly id: number
  readonly sku: string
  readonly quantity: number
  readonly email: string
}

/** Orders teapots; resolves with the HTTP status. */
export async function orderTeapots(
  shop: ShopProcess,
  email: string,
  quantity: number,
): Promise<number> {
  const body = JSON.stringify({ sku: 'teapot', quantity, email })
  const response = await request(`${shop.url}/orders`, { method: 'POST', body })
  await response.body?.cancel()
  return response.status
}

export async function listOrders(shop: ShopProcess): Promise<Order[]> {
  return (await (await request(`${shop.url}/orders`)).json()) as Order[]
}

/** How many teapots the read model says were sold. */
export async function teapotsSold(shop: ShopProcess): Promise<number> {
  const sales = (await (await request(`${shop.url}/sales`)).json()) as { units: number }[]
  return sales[0]?.units ?? 0
}

/** How many jobs lie in the shop's database: begun, waiting or parked. */
export async function jobsLeft(shop: ShopProcess): Promise<number> {
  const { jobs } = (await (await request(`${shop.url}/health`)).json()) as Health
  return jobs ? jobs.prepared + jobs.submitted + jobs.parked : NaN
}

async function request(url: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(url, { ...init, signal: AbortSignal.timeout(10_000) })
}
