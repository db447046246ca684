import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openOrders, startApp } from './app.ts'
import type { App, OrdersDatabase } from './app.ts'
import { witness } from './witness.ts'
import type { Witness } from './witness.ts'

let server: TakenDtm
let orders: OrdersDatabase

beforeAll(async () => {
  server = await takeDtm()
  orders = await openOrders()
}, 600_000)

afterAll(async () => {
  await orders.close()
  await server.stop()
})

const transports = ['HTTP', 'gRPC'] as const

async function open(
  over: (typeof transports)[number],
): Promise<{ readonly app: App; readonly seen: Witness }> {
  const seen = witness()
  const app = await startApp({
    server: server.url,
    orders,
    ...seen,
    ...(over === 'gRPC' && { grpc: server.grpc }),
  })
  return { app, seen }
}

/** Resolves when DTM was told this many times that it cannot be said yet. */
async function notYet(seen: Witness, times: number): Promise<void> {
  await vi.waitFor(
    () => expect(seen.answers('GET').filter((status) => status === 425)).toHaveLength(times),
    { timeout: 25_000 },
  )
}

describe.each(transports)('over %s', (over) => {
  test('a transaction that outlives two questions of DTM runs its steps once, after the commit', async () => {
    const { app, seen } = await open(over)
    const job = await orders.db.transaction(async (tx) => {
      const prepared = app.stepping.createJob(orders.database.context(tx)).addStep(app.note, 'late')
      await tx.execute(sql`insert into orders values ('late')`)
      await prepared.prepareAndInsertBarrier()
      await notYet(seen, 2)
      return prepared
    })
    expect(app.notes).toEqual([])
    expect(await job.submit()).toEqual({ gid: job.gid, submitted: false })
    await app.finished(job.gid)
    expect(seen.answers('POST')).toEqual([200])
    expect(app.notes).toEqual(['late'])
  }, 60_000)

  test('a transaction that outlives a question of DTM and rolls back runs none', async () => {
    const { app, seen } = await open(over)
    const failure = new Error('out of stock')
    let gid = ''
    const rejected = orders.db.transaction(async (tx) => {
      const job = app.stepping.createJob(orders.database.context(tx)).addStep(app.note, 'never')
      gid = job.gid
      await job.prepareAndInsertBarrier()
      await notYet(seen, 1)
      throw failure
    })
    await expect(rejected).rejects.toBe(failure)
    await vi.waitFor(() => expect(seen.answers('GET').at(-1)).toBe(409), { timeout: 15_000 })
    expect(app.events).toEqual([{ type: 'job.rolledBack', gid }])
    // DTM has its answer, and writes it now.
    await vi.waitFor(async () =>
      expect(await app.stepping.jobs.find(gid)).toMatchObject({ state: 'rolledBack' }),
    )
    expect(seen.answers('POST')).toEqual([])
  }, 60_000)

  test('a question while the transaction is open is answered at once, and not when it ends', async () => {
    const { app, seen } = await open(over)
    await orders.db.transaction(async (tx) => {
      const job = app.stepping.createJob(orders.database.context(tx)).addStep(app.note, 'quick')
      await job.prepareAndInsertBarrier()
      await notYet(seen, 1)
    })
    expect(seen.slowestMs('GET')).toBeLessThan(1_500)
  })

  test('a rejected transaction is dropped in DTM without waiting for its question', async () => {
    const { app, seen } = await open(over)
    let gid = ''
    const rejected = app.stepping.transaction(orders.database, async (tx, job) => {
      gid = job.gid
      job.addStep(app.note, 'never')
      // Refused at the COMMIT, when everything has been prepared.
      await tx.execute(
        sql`create temp table once_only (n int unique deferrable initially deferred)`,
      )
      await tx.execute(sql`insert into once_only values (1), (1)`)
    })
    await expect(rejected).rejects.toThrow(/duplicate key|Failed query/)
    await vi.waitFor(
      async () => {
        expect(await app.stepping.jobs.find(gid)).toMatchObject({ state: 'rolledBack' })
      },
      { timeout: 20_000 },
    )
    expect(seen.answers('GET')).toEqual([])
  })
})
