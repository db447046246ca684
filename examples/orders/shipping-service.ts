import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** What it is sent, of which it needs to know only this. */
export interface Shipment {
  readonly email: string
}

export interface ShippingService extends AsyncDisposable {
  readonly url: string
  readonly shipments: readonly Shipment[]
}

/** Somebody else's service. It makes one shipment per Idempotency-Key, however often it is asked. */
export async function startShippingService(
  onShipment: (shipment: Shipment) => void,
): Promise<ShippingService> {
  const byKey = new Map<string, Shipment>()

  async function receive(request: IncomingMessage): Promise<void> {
    const key = String(request.headers['idempotency-key'])
    const shipment = (await json(request)) as Shipment
    if (byKey.has(key)) return
    byKey.set(key, shipment)
    onShipment(shipment)
  }

  const server = createServer((request, response) => {
    const received = request.method === 'POST' ? receive(request) : Promise.resolve()
    void received.then(
      () => response.end(`${JSON.stringify([...byKey.values()])}\n`),
      () => response.writeHead(400).end(),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get shipments() {
      return [...byKey.values()]
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
