import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { createStepping, httpStep } from '@stepping/core'
import { z } from 'zod'
import { shop } from './database.ts'
import type { Order } from './shop-database.ts'
import { recordSale, sendConfirmation } from './steps.ts'
import { callback, tm } from './transaction-manager.ts'

const { SHIPPING_URL, PORT = '0', CALLBACK_HOST } = process.env

const stepping = createStepping({
  app: 'shop',
  tm,
  databases: [shop.database],
  steps: [recordSale, sendConfirmation],
})

const orderInput = z.object({ sku: z.string(), quantity: z.int().positive(), email: z.email() })

/** Stores the order and what it leads to: both, or neither. */
async function placeOrder({ sku, quantity, email }: z.infer<typeof orderInput>): Promise<Order> {
  return await stepping.transaction(shop.database, async (tx, job) => {
    const order = { id: randomUUID(), sku, quantity, email }
    await shop.insertOrder(tx, order)
    job
      .addStep(httpStep, { url: `${SHIPPING_URL}/shipments`, json: order })
      .addStep(recordSale, { sku, units: quantity })
      .addStep(sendConfirmation, order)

    const taken = await shop.takeFromStock(tx, sku, quantity)
    if (!taken) throw new OutOfStock(`there are not ${quantity} x ${sku} in stock`)
    return order
  })
}

class OutOfStock extends Error {}

async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
  switch (`${request.method} ${request.url}`) {
    case 'POST /orders': {
      const input = orderInput.safeParse(await json(request).catch(() => undefined))
      if (!input.success) return { status: 400, body: { error: z.prettifyError(input.error) } }
      return { status: 201, body: await placeOrder(input.data) }
    }
    case 'GET /orders':
      return { status: 200, body: await shop.listOrders() }
    case 'GET /sales':
      return { status: 200, body: await shop.listSales() }
    case 'GET /health':
      return { status: 200, body: await stepping.health() }
    default:
      return { status: 404, body: { error: 'try POST /orders, GET /orders, /sales or /health' } }
  }
}

function failure(error: unknown): { status: number; body: unknown } {
  if (error instanceof OutOfStock) return { status: 409, body: { error: error.message } }
  console.error(error)
  return { status: 500, body: { error: 'the shop failed' } }
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (callback && request.url?.startsWith('/stepping?')) return callback(request, response)
  const { status, body } = await answer(request).catch(failure)
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}

await shop.createTables()
await stepping.migrate()
await stepping.start()

const server = createServer((request, response) => void respond(request, response))
// Who calls it from another machine has to reach it.
const host = CALLBACK_HOST ? '0.0.0.0' : '127.0.0.1'
await once(server.listen(Number(PORT), host), 'listening')
console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)

await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
await once(server.close(), 'close')
await stepping.close()
await shop.close()
