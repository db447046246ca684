import { freePort, runChild, takeDtm } from '@stepping/test-support'
import type { Child, TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { listen, openOrders } from './app.ts'
import type { OrdersDatabase } from './app.ts'
import type { HolderEnvironment } from './children/holder.ts'

let server: TakenDtm
let ledger: OrdersDatabase

beforeAll(async () => {
  server = await takeDtm()
  ledger = await openOrders('ledger')
}, 600_000)

afterAll(async () => {
  await ledger.close()
  await server.stop()
})

/** The first of two processes is at a step when something happens to it: DTM then calls the second. */
async function openTwo() {
  const ports = [await freePort(), await freePort()]
  let turn: 0 | 1 = 0
  const { origin } = await listen((request, response) => {
    const chunks: Buffer[] = []
    const pass = async (): Promise<void> => {
      const { method = 'GET' } = request
      const body = method === 'GET' ? {} : { body: Buffer.concat(chunks) }
      const given = await fetch(`http://127.0.0.1:${ports[turn]}${request.url}`, {
        method,
        ...body,
      })
      response.writeHead(given.status).end(await given.text())
    }
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => void pass().catch(() => response.destroy()))
  })
  const run = (index: 0 | 1, env: Partial<HolderEnvironment>): Child =>
    runChild(new URL('children/holder.ts', import.meta.url), {
      env: {
        SERVER: server.url,
        LEDGER_URL: ledger.url,
        CALLBACK_URL: `${origin}/stepping`,
        PORT: `${ports[index]}`,
        ...env,
      },
    })
  const second = run(1, { ENDS: '1' })
  await second.line((line) => line === 'started')
  const first = run(0, { PLACE: '1' })
  const gid = (await first.line((line) => line.startsWith('gid '))).slice(4)
  await first.line((line) => line === 'begun')
  return {
    gid,
    first,
    second,
    callSecond: () => {
      turn = 1
    },
    async finished() {
      await vi.waitFor(async () => expect(await statusOf(gid)).toBe('succeed'), { timeout: 60_000 })
    },
  }
}

async function statusOf(gid: string): Promise<string | undefined> {
  const response = await fetch(`${server.url}/api/dtmsvr/query?gid=${gid}`)
  const { transaction } = (await response.json()) as { transaction: { status: string } | null }
  return transaction?.status
}

test('a step of a process that is killed is done by another one', async () => {
  const two = await openTwo()
  two.first.kill('SIGKILL')
  two.callSecond()
  await two.finished()
  expect(two.second.lines.filter((line) => line === 'begun')).toHaveLength(1)
}, 120_000)

test('a process that was stopped for longer than its lease gives the step up when it goes on', async () => {
  const two = await openTwo()
  two.first.kill('SIGSTOP')
  two.callSecond()
  await two.finished()
  expect(two.second.lines.filter((line) => line === 'begun')).toHaveLength(1)
  two.first.kill('SIGCONT')
  await two.first.line((line) => line === 'stopped by LEASE_LOST')
  expect(two.first.lines.filter((line) => line === 'begun')).toHaveLength(1)
}, 120_000)

test('a process that was stopped for less keeps the step', async () => {
  const two = await openTwo()
  const beat = async (): Promise<unknown> =>
    (await ledger.query('select value from stepping.once where gid = $1', [two.gid]))[0]!['value']
  two.first.kill('SIGSTOP')
  two.callSecond()
  // So long that it misses a beat, and the other one waits for it.
  await new Promise((resolve) => setTimeout(resolve, 8_000))
  two.first.kill('SIGCONT')
  for (let seen = await beat(), n = 0; n < 3; n++) {
    await vi.waitFor(async () => expect(await beat()).not.toBe(seen), { timeout: 10_000 })
    seen = await beat()
  }
  expect(two.second.lines).not.toContain('begun')
  expect(two.first.lines).not.toContain('stopped by LEASE_LOST')
}, 120_000)
