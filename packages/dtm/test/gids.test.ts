import { newGid } from '@stepping/core'
import type { SteppingError } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openOrders } from './app.ts'
import type { App, OrdersDatabase } from './app.ts'
import { startBehindProxy } from './behind-proxy.ts'
import type { AppBehindProxy, Over } from './behind-proxy.ts'

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

async function open(over: Over): Promise<AppBehindProxy> {
  return await startBehindProxy(over, server, { orders })
}

/** A gid of the test's own that is no UUID. */
function callerGid(): string {
  return `order-${newGid().slice(-8)}`
}

async function place({ stepping, note }: App, gid: string, text: string): Promise<void> {
  await stepping.transaction(orders.database, async (_tx, job) => void job.addStep(note, text), {
    gid,
  })
}

describe.each(['HTTP', 'gRPC'] as const)('over %s', (over) => {
  test('a gid that is the beginning of another one loses neither job', async () => {
    const app = await open(over)
    const gid = callerGid()
    for (const each of [`${gid}1`, gid, `${gid}10`, `${gid}100`]) await place(app, each, each)
    for (const each of [`${gid}1`, gid, `${gid}10`, `${gid}100`]) await app.noted(each, 2_500)
  })

  test("DTM knows a caller's gid by a UUID, and everybody else by itself", async () => {
    const app = await open(over)
    const gid = callerGid()
    await place(app, gid, 'known')
    await app.finished(gid)
    const { gid: known } = app.proxy.messages.find(({ call }) => call === 'submit')!
    expect(known).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(await orders.query('select gid from stepping.barrier where gid = $1', [gid])).toEqual([
      { gid },
    ])
    expect(await app.stepping.jobs.find(gid)).toMatchObject({ gid, state: 'finished' })
  })

  describe("a job with a caller's gid", () => {
    test('in a transaction happens once', async () => {
      const app = await open(over)
      const gid = callerGid()
      await place(app, gid, 'once')
      await app.finished(gid)
      await expect(place(app, gid, 'once')).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid })
      expect(app.notes).toEqual(['once'])
    })

    test('without a transaction happens once, also when many start it at the same moment', async () => {
      const apps = [await open(over), await open(over)]
      const gid = callerGid()
      const starts = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) => {
          const app = apps[n % 2]!
          return app.stepping.createJob({ gid }).addStep(app.note, 'alone').start()
        }),
      )
      expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const rejected = starts.filter((start) => start.status === 'rejected')
      expect(rejected.map(({ reason }) => (reason as SteppingError).code)).toEqual(
        Array.from({ length: 7 }, () => 'JOB_DUPLICATE'),
      )
      await Promise.race(apps.map((app) => app.finished(gid)))
      expect(apps.flatMap(({ notes }) => notes)).toEqual(['alone'])
    })

    test('started again after its answer was lost is the same job', async () => {
      const app = await open(over)
      const gid = callerGid()
      const job = app.stepping.createJob({ gid }).addStep(app.note, 'the same')
      app.questions.set('query', 'lost', 'passed on')
      await expect(job.start()).rejects.toMatchObject({ code: 'TM_UNREACHABLE' })
      expect(await job.start()).toEqual({ gid, submitted: true })
      await app.finished(gid)
      expect(app.notes).toEqual(['the same'])
    })

    test('that DTM has with other steps is a conflict', async () => {
      const app = await open(over)
      const gid = callerGid()
      await preparedBefore(app, gid, 'first')
      await expect(place(app, gid, 'second')).rejects.toMatchObject({ code: 'JOB_CONFLICT', gid })
    })

    test('that DTM has from an earlier transaction is left to its question, so that it starts once', async () => {
      const app = await open(over)
      const gid = callerGid()
      await preparedBefore(app, gid, 'left to DTM')
      await place(app, gid, 'left to DTM')
      expect(app.events).toMatchObject([{ type: 'job.submitDeferred', gid }])
      expect(app.proxy.bodies('submit')).toEqual([])
      await app.finished(gid)
      expect(app.notes).toEqual(['left to DTM'])
    })
  })
})

/** A transaction with this gid was prepared, and its process died before it committed. */
async function preparedBefore(app: App, gid: string, text: string): Promise<void> {
  const record = {
    gid,
    app: 'shop',
    steps: [{ name: app.note.name, args: JSON.stringify(text) }],
    database: { ...orders.database.ref, identity: await orders.database.identity() },
    notAfter: Date.now() + 60_000,
    callerGid: true,
    byHand: false,
  }
  await app.tm.prepare(record)
}
