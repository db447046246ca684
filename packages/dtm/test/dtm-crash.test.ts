import { defineStep } from '@stepping/core'
import { freshDatabase, startDtm } from '@stepping/test-support'
import type { DtmOptions, DtmServer } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from 'vitest'
import { openOrders, startApp } from './app.ts'
import type { OrdersDatabase } from './app.ts'
import { witness } from './witness.ts'

let orders: OrdersDatabase

beforeAll(async () => {
  orders = await openOrders()
}, 600_000)

afterAll(async () => {
  await orders.close()
})

async function openDtm(
  store: 'BoltDB' | 'PostgreSQL',
  settings?: DtmOptions['settings'],
): Promise<DtmServer> {
  const options = settings ? { settings } : {}
  if (store === 'BoltDB') return await startDtm(options)
  const { url } = await freshDatabase(inject('postgresUrl'), 'dtm')
  return await startDtm({ ...options, postgresUrl: url })
}

test.each([
  ['BoltDB', 'HTTP'],
  ['PostgreSQL', 'HTTP'],
  ['BoltDB', 'gRPC'],
  ['PostgreSQL', 'gRPC'],
] as const)(
  'orders that commit while DTM over %s, called by %s, is killed and started again have their steps done, the others none',
  async (store, over) => {
    await using server = await openDtm(store)
    const app = await startApp({
      server: server.url,
      ...(over === 'gRPC' && { grpc: server.grpc }),
      orders,
      options: { requestTimeoutMs: 1_000 },
    })
    const committed: string[] = []
    const rejected: string[] = []
    const enough = new AbortController()
    const place = async (who: number): Promise<void> => {
      for (let n = 0; !enough.signal.aborted; n++) {
        const sku = `${store} ${over} ${who} ${n}`
        await app.stepping
          .transaction(orders.database, async (tx, job) => {
            await tx.execute(sql`insert into orders values (${sku})`)
            job.addStep(app.note, sku)
          })
          .then(
            () => committed.push(sku),
            () => rejected.push(sku),
          )
      }
    }
    const placing = Promise.all([1, 2, 3, 4].map(place))
    await vi.waitFor(() => expect(committed.length).toBeGreaterThan(20), { timeout: 20_000 })
    await server.kill()
    await vi.waitFor(() => expect(rejected.length).toBeGreaterThan(20), { timeout: 20_000 })
    await server.start()
    const before = committed.length
    await vi.waitFor(() => expect(committed.length).toBeGreaterThan(before + 20), {
      timeout: 20_000,
    })
    enough.abort()
    await placing
    await vi.waitFor(
      () => expect(committed.filter((sku) => !app.notes.includes(sku))).toEqual([]),
      {
        timeout: 30_000,
      },
    )
    expect(rejected.filter((sku) => app.notes.includes(sku))).toEqual([])
    const placed = await orders.skus()
    expect(rejected.filter((sku) => placed.includes(sku))).toEqual([])
  },
  90_000,
)

/** Which branches DTM calls again after it was killed while the second step ran. */
async function calledAgain(server: DtmServer): Promise<string[]> {
  const seen = witness()
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const slow = defineStep({
    name: 'Slow',
    run: async () => {
      begun.resolve()
      await ended.promise
    },
  })
  const app = await startApp({ server: server.url, steps: [slow], before: seen.before })
  onTestFinished(() => ended.resolve())
  const { gid } = await app.stepping.createJob().addStep(app.note, 'first').addStep(slow).start()
  await begun.promise
  await server.kill()
  const before = seen.calls.length
  await server.start()
  ended.resolve()
  await vi.waitFor(
    async () => expect(await app.stepping.jobs.find(gid)).toMatchObject({ state: 'finished' }),
    { timeout: 30_000 },
  )
  const branches = seen.calls.slice(before).map(({ url }) => /branch_id=(\d+)/.exec(url)![1]!)
  return [...new Set(branches)]
}

test('over BoltDB a step that is done is not called again by a DTM server that was killed', async () => {
  await using server = await openDtm('BoltDB')
  expect(await calledAgain(server)).toEqual(['02'])
}, 60_000)

test('over PostgreSQL it is not either where DTM writes completions at once', async () => {
  await using server = await openDtm('PostgreSQL', { UPDATE_BRANCH_SYNC: '1' })
  expect(await calledAgain(server)).toEqual(['02'])
}, 60_000)

test('over PostgreSQL, as DTM comes, it may be called again', async () => {
  await using server = await openDtm('PostgreSQL')
  // Completions are written after a fifth of a second, which the kill has to meet.
  for (let tries = 1; !(await calledAgain(server)).includes('01'); tries++) {
    expect(tries).toBeLessThan(5)
  }
}, 90_000)
