import { interrupted } from './observe.ts'
import { startShop } from './shop-process.ts'
import { heading, tell } from './terminal.ts'

/** Keeps the shop running, also when it is killed, until Ctrl-C. */
export async function serve(
  env: Readonly<Record<string, string>>,
  shippingUrl: string,
): Promise<void> {
  let port = process.env['PORT'] ?? '0'
  while (!interrupted.signal.aborted) {
    const shop = await startShop({ ...env, PORT: port })
    // The same one next time, so that the lines below stay right.
    port = new URL(shop.url).port
    explain(shop.url, shop.pid, shippingUrl)
    await Promise.race([shop.exit, untilInterrupted()])
  }
}

function explain(url: string, pid: number, shippingUrl: string): void {
  heading(`The shop takes orders (process ${pid}). In another terminal:`)
  tell(`curl -d '{"sku":"teapot","quantity":1,"email":"ada@example.com"}' ${url}/orders`)
  tell(`curl -d '{"sku":"teapot","quantity":99,"email":"ben@example.com"}' ${url}/orders`)
  tell(`curl ${url}/orders         what was ordered`)
  tell(`curl ${url}/sales          the read model: units sold`)
  tell(`curl ${url}/health         jobs that are not done yet`)
  tell(`curl ${shippingUrl}/shipments      what the shipping service was asked for`)
  tell(`kill -9 ${pid}         the shop; it is started again and goes on where it was`)
  tell('Ctrl-C ends all of it.')
}

async function untilInterrupted(): Promise<void> {
  if (interrupted.signal.aborted) return
  await new Promise((resolve) => interrupted.signal.addEventListener('abort', resolve))
}
