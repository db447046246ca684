import { interrupted } from './observe.ts'
import { startShop } from './shop-process.ts'
import type { ShopProcess } from './shop-process.ts'
import { heading, tell } from './terminal.ts'

/** Keeps the shop running, also when it is killed, until Ctrl-C. */
export async function serve(
  env: Readonly<Record<string, string>>,
  shippingUrl: string,
): Promise<void> {
  const ctrlC = new Promise((resolve) => interrupted.signal.addEventListener('abort', resolve))
  let port = process.env['PORT'] ?? '0'
  while (!interrupted.signal.aborted) {
    const shop = await startShop({ ...env, PORT: port })
    explain(shop, shippingUrl)
    // The same port next time, so that the lines above stay right.
    port = new URL(shop.url).port
    await Promise.race([shop.exit, ctrlC])
  }
}

function explain({ url, pid }: ShopProcess, shippingUrl: string): void {
  heading('The shop takes orders. In another terminal:')
  tell(`curl -d '{"sku":"teapot","quantity":1,"email":"ada@example.com"}' ${url}/orders`)
  tell(`curl -d '{"sku":"teapot","quantity":99,"email":"ben@example.com"}' ${url}/orders`)
  tell(`kill -9 ${pid}                           # the shop; it is started again and goes on`)
  tell(`curl ${url}/orders     # what was ordered`)
  tell(`curl ${url}/sales      # the read model: what was sold`)
  tell(`curl ${url}/health     # whether it is well, and how many jobs it has`)
  tell(`curl ${shippingUrl}            # what was shipped`)
  tell('')
  tell('Shipments and mails are shown here. Ctrl-C ends all of it.')
}
