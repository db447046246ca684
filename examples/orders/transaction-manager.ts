import { dtm, toNodeListener } from '@stepping/dtm'
import { selfTm } from '@stepping/self-tm'
import { shop } from './database.ts'

const { TM = 'self', LEASE_MS = '10000', PORT, DTM_URL = '', SECRET = '' } = process.env
const { CALLBACK_HOST = '127.0.0.1' } = process.env

/** To show both. A real shop has one of them. */
export const { tm, callback } = TM === 'dtm' ? onServer() : inTheShop()

/** The jobs lie in the shop's own database, and the shop runs them. */
function inTheShop() {
  const worker = selfTm({ database: shop.database, leaseMs: Number(LEASE_MS) })
  return { tm: worker, callback: undefined }
}

/** The jobs lie in a DTM server, which calls the shop. */
function onServer() {
  const client = dtm({
    server: DTM_URL,
    callbackUrl: `http://${CALLBACK_HOST}:${PORT}/stepping`,
    secrets: [SECRET],
    // Sooner than the default (3 s), for those who watch.
    jobs: { timeoutToFailMs: 2_000 },
    longestRetryMs: 2_000,
  })
  return { tm: client, callback: toNodeListener(client.handler) }
}
