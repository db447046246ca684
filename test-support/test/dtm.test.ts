import { freshDatabase } from '@stepping/test-support'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startDtm } from '../src/dtm.ts'
import type { DtmServer } from '../src/dtm.ts'

const stores = ['BoltDB', 'PostgreSQL'] as const

test.each(stores)(
  'keeps what it acknowledged over a crash, in %s',
  async (store) => {
    await using server = await open(store)
    const gid = crypto.randomUUID()
    await prepare(server, gid)

    await server.kill()

    await expect(statusOf(server, gid)).rejects.toThrow('fetch failed')
    await server.start()
    expect(await statusOf(server, gid)).toBe('prepared')
  },
  600_000,
)

async function open(store: (typeof stores)[number]): Promise<DtmServer> {
  if (store === 'BoltDB') return await startDtm()
  const database = await freshDatabase(inject('postgresUrl'), 'dtm')
  onTestFinished(() => database.drop())
  return await startDtm({ postgresUrl: database.url })
}

async function prepare({ url }: DtmServer, gid: string): Promise<void> {
  const response = await fetch(`${url}/api/dtmsvr/prepare`, {
    method: 'POST',
    body: JSON.stringify({
      gid,
      trans_type: 'msg',
      query_prepared: 'http://127.0.0.1:9/',
      steps: [{ action: 'http://127.0.0.1:9/' }],
      payloads: ['{}'],
    }),
  })
  expect(response.status).toBe(200)
}

async function statusOf({ url }: DtmServer, gid: string): Promise<string> {
  const response = await fetch(`${url}/api/dtmsvr/query?gid=${gid}`)
  const { transaction } = (await response.json()) as { transaction: { status: string } }
  return transaction.status
}
