import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { Pool as Connections } from 'undici'
import { Pool } from 'pg'
import { createBusiness, insertBusiness, sku } from '../business.ts'
import { execute } from '../databases/postgres.ts'
import type { Run, Side } from '../side.ts'
import { inTransaction } from './in-transaction.ts'
import { listen } from './listen.ts'
import { dtmOf, dtmProbe } from './stepping-dtm.ts'

/** The requests that the provider sends, of the same length. */
export const handWrittenDtm: Side = {
  name: 'hand-written-dtm',
  about:
    'the same requests by undici: prepare; business and barrier row by SQL through pg; submit; DTM calls a bare HTTP server',
  probe: dtmProbe,
  install: (url) => execute(url, createBusiness, 'create table barrier (gid text primary key)'),
  async open(url, { connections, steps, run = () => {} }) {
    const pool = new Pool({ connectionString: url, max: connections })
    const dtm = new Connections(dtmOf(url), { pipelining: 1, allowH2: false })
    const server = answering(run)
    const callback = await listen(server)
    return {
      async enqueue(job) {
        const gid = crypto.randomUUID()
        const body = message(callback, gid, job, steps)
        await post(dtm, 'prepare', body)
        await inTransaction(pool, async (client) => {
          await client.query(insertBusiness, [job, sku])
          await client.query('insert into barrier values ($1)', [gid])
        })
        await post(dtm, 'submit', body)
      },
      async close() {
        server.closeAllConnections()
        server.close()
        await dtm.close()
        await pool.end()
      },
    }
  },
}

function answering(run: Run) {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { job, step } = JSON.parse(await text(request)) as { job: number; step: number }
    await run(job, step)
    response.setHeader('content-type', 'application/json').end('{"result":"done"}')
  }
  return createServer((request, response) => void answer(request, response))
}

function message(callback: string, gid: string, job: number, steps: number): string {
  const mac = 'm'.repeat(64)
  const all = Array.from({ length: steps }, (_, step) => step)
  return JSON.stringify({
    gid,
    trans_type: 'msg',
    protocol: 'http',
    query_prepared: `${callback}/stepping?app=bench&gid=${gid}&database=shop&identity=${gid}&mac=${mac}`,
    steps: all.map(() => ({ action: `${callback}/stepping?mac=${mac}` })),
    payloads: all.map((step) => JSON.stringify({ app: 'bench', gid, job, step, last: true })),
    wait_result: false,
    timeout_to_fail: 3,
    request_timeout: 3,
  })
}

async function post(dtm: Connections, call: string, body: string): Promise<void> {
  const { statusCode, body: answer } = await dtm.request({
    method: 'POST',
    path: `/api/dtmsvr/${call}`,
    headers: { 'content-type': 'application/json' },
    body,
  })
  const said = await answer.text()
  if (statusCode !== 200) throw new Error(`DTM answered ${call} with ${statusCode}: ${said}`)
}
