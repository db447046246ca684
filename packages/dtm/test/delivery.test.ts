import type { SteppingEvent } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { dtmOptions } from '../src/index.ts'
import { openOrders } from './app.ts'
import type { App, AppOptions, OrdersDatabase } from './app.ts'
import { startBehindProxy } from './behind-proxy.ts'
import type { AppBehindProxy, Over } from './behind-proxy.ts'
import { decodeRequest } from './dtm-grpc-proxy.ts'

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

async function open(
  options: AppOptions['options'] = {},
  over: Over = 'HTTP',
): Promise<AppBehindProxy> {
  return await startBehindProxy(over, server, { orders, options })
}

/** An order in a transaction whose job notes it. */
async function place({ stepping, note }: App, sku: string): Promise<string> {
  return await stepping.transaction(orders.database, async (tx, job) => {
    await tx.execute(sql`insert into orders values (${sku})`)
    job.addStep(note, sku)
    return job.gid
  })
}

function ofType<T extends SteppingEvent['type']>(app: App, type: T): SteppingEvent[] {
  return app.events.filter((event) => event.type === type)
}

describe('what is sent', () => {
  test('is the very same text in prepare and submit', async () => {
    const app = await open()
    await place(app, 'same text')
    const [prepared] = app.proxy.bodies('prepare')
    expect(app.proxy.bodies('submit')).toEqual([prepared])
  })

  test('has a payload for each step, a URL to ask at, and seconds', async () => {
    const app = await open()
    const job = app.stepping
      .createJob({ tm: dtmOptions({ delayMs: 60_000, branchHeaders: { 'x-trace': '7' } }) })
      .addStep(app.note, 'A')
      .addStep(app.note, 'B')
    await job.start()
    const { gid } = job
    expect(JSON.parse(app.proxy.bodies('submit')[0]!)).toEqual({
      gid,
      trans_type: 'msg',
      protocol: 'http',
      query_prepared: expect.stringContaining(`${app.callbackUrl}?gid=${gid}&app=shop&mac=`),
      steps: Array.from({ length: 2 }, () => ({
        action: expect.stringMatching(/\/stepping\?mac=[0-9a-f]{64}$/),
      })),
      payloads: [
        JSON.stringify({ app: 'shop', gid, index: 0, step: 'Note', args: 'A' }),
        JSON.stringify({ app: 'shop', gid, index: 1, step: 'Note', args: 'B', last: true }),
      ],
      wait_result: false,
      timeout_to_fail: 3,
      request_timeout: 3,
      branch_headers: { 'x-trace': '7' },
      custom_data: '{"delay":60}',
    })
  })

  test('is the same over gRPC, but where DTM is to call', async () => {
    const app = await open({}, 'gRPC')
    const job = app.stepping
      .createJob({ tm: dtmOptions({ delayMs: 60_000, branchHeaders: { 'x-trace': '7' } }) })
      .addStep(app.note, 'A')
      .addStep(app.note, 'B')
    await job.start()
    const { gid } = job
    const [prepared] = app.proxy.bodies('prepare')
    expect(app.proxy.bodies('submit')).toEqual([prepared])
    const at = `${app.callbackUrl}/stepping.dtm.Callback`
    expect(decodeRequest(prepared!)).toEqual({
      Gid: gid,
      TransType: 'msg',
      QueryPrepared: `${at}/QueryPrepared`,
      Steps: JSON.stringify([{ action: `${at}/RunStep` }, { action: `${at}/RunStep` }]),
      BinPayloads: ['A', 'B'].map((args, index) => ({
        message: JSON.stringify({
          app: 'shop',
          gid,
          index,
          step: 'Note',
          args,
          ...(index === 1 && { last: true }),
        }),
        mac: expect.stringMatching(/^[0-9a-f]{64}$/),
      })),
      TransOptions: {
        TimeoutToFail: 3,
        RequestTimeout: 3,
        BranchHeaders: {
          'x-trace': '7',
          'stepping-job': expect.stringMatching(`^gid=${gid}&app=shop&mac=[0-9a-f]{64}$`),
        },
      },
      CustomedData: '{"delay":60}',
    })
  })

  test('has no secret in it', async () => {
    const secret = 'another secret of at least thirty-two characters'
    const app = await open({ secrets: [secret] })
    await place(app, 'no secret')
    for (const { body } of app.proxy.messages) expect(body).not.toContain(secret)
  })
})

describe.each(['HTTP', 'gRPC'] as const)('over %s', (over) => {
  describe('a submit', () => {
    test('whose answer is lost is not sent again, and counts as sent when DTM has it', async () => {
      const app = await open({}, over)
      app.proxy.set('submit', 'unanswered')
      await place(app, 'unanswered')
      await app.noted('unanswered', 2_500)
      expect(app.proxy.bodies('submit')).toHaveLength(1)
      expect(ofType(app, 'job.submitDeferred')).toEqual([])
    })

    test('that is lost is told, and DTM starts the job by itself', async () => {
      const app = await open({}, over)
      app.proxy.set('submit', 'lost')
      const gid = await place(app, 'lost')
      expect(ofType(app, 'job.submitDeferred')).toMatchObject([
        { gid, error: { code: 'SUBMIT_DEFERRED', gid } },
      ])
      await app.finished(gid)
      expect(app.notes).toEqual(['lost'])
      expect(app.proxy.bodies('submit')).toHaveLength(1)
    })

    test('is not sent when the commit took too long for it', async () => {
      const app = await open({}, over)
      const job = await orders.db.transaction(async (tx) => {
        const prepared = app.stepping
          .createJob(orders.database.context(tx))
          .addStep(app.note, 'slow')
        await prepared.prepareAndInsertBarrier()
        await passes(2_100)
        return prepared
      })
      expect(await job.submit()).toEqual({ gid: job.gid, submitted: false })
      expect(app.proxy.bodies('submit')).toEqual([])
      await app.finished(job.gid)
      expect(app.notes).toEqual(['slow'])
    })

    test('after which DTM has the job as failed is an alarm', async () => {
      const app = await open({}, over)
      app.proxy.set('submit', { after: () => forceStop(app) })
      const gid = await place(app, 'stopped')
      expect(ofType(app, 'job.lost')).toMatchObject([{ gid, error: { code: 'JOB_LOST', gid } }])
      expect(app.notes).toEqual([])
    })

    test('that meets a job which DTM has started and ended by itself is no alarm', async () => {
      // DTM may take as long as its answers are waited for to look at the job.
      const app = await open({ requestTimeoutMs: 30_000 }, over)
      let gid = ''
      app.proxy.set('submit', { after: () => app.finished(gid) })
      await app.stepping.transaction(orders.database, async (_tx, job) => {
        gid = job.gid
        job.addStep(app.note, 'ended before')
      })
      expect(app.notes).toEqual(['ended before'])
      expect(ofType(app, 'job.lost')).toEqual([])
    })

    test('of a job without a transaction may get lost: prepared, it is as good as started', async () => {
      const app = await open({}, over)
      app.proxy.set('submit', 'lost')
      const job = app.stepping.createJob().addStep(app.note, 'prepared is enough')
      expect(await job.start()).toEqual({ gid: job.gid, submitted: true })
      await app.finished(job.gid)
      expect(app.notes).toEqual(['prepared is enough'])
      expect(app.proxy.bodies('submit')).toHaveLength(1)
    })

    test('may wait until the steps were called', async () => {
      const app = await open({}, over)
      await app.stepping.transaction(
        orders.database,
        async (_tx, job) => void job.addStep(app.note, 'A').addStep(app.note, 'B'),
        { tm: dtmOptions({ waitResult: true }) },
      )
      expect(app.notes).toEqual(['A', 'B'])
    })
  })

  describe('a prepare', () => {
    test('whose connection broke is sent again', async () => {
      const app = await open({}, over)
      app.proxy.set('prepare', 'unanswered', 'passed on')
      await place(app, 'again')
      await app.noted('again', 2_500)
      expect(app.proxy.bodies('prepare')).toHaveLength(2)
      expect(app.notes).toEqual(['again'])
    })

    test('that does not get through rolls the transaction back', async () => {
      const app = await open({}, over)
      app.proxy.set('prepare', 'lost')
      await expect(place(app, 'not prepared')).rejects.toMatchObject({ code: 'TM_UNREACHABLE' })
      expect(await orders.skus()).not.toContain('not prepared')
    })

    test('that is not answered in time rolls the transaction back', async () => {
      const app = await open({ requestTimeoutMs: 200 }, over)
      const answered = Promise.withResolvers<void>()
      onTestFinished(() => answered.resolve())
      app.proxy.set('prepare', { after: () => answered.promise })
      await expect(place(app, 'no answer')).rejects.toMatchObject({ code: 'TM_UNREACHABLE' })
      expect(await orders.skus()).not.toContain('no answer')
    })
  })
})

describe('what DTM refuses', () => {
  test('has its reason', async () => {
    const app = await open()
    const wrong = { ...dtmOptions({}), branchHeaders: { count: 7 } }
    const job = app.stepping.createJob({ tm: wrong }).addStep(app.note, 'refused')
    await expect(job.start()).rejects.toMatchObject({
      code: 'TM_REFUSED',
      message: expect.stringContaining('cannot unmarshal number'),
    })
  })

  test('has its reason over gRPC, where all args together may take about 4 MiB', async () => {
    const app = await open({}, 'gRPC')
    const job = app.stepping.createJob()
    for (let n = 0; n < 5; n++) job.addStep(app.note, 'x'.repeat(1_000_000))
    await expect(job.start()).rejects.toMatchObject({
      code: 'TM_REFUSED',
      message: expect.stringContaining('RESOURCE_EXHAUSTED'),
    })
  })
})

async function forceStop({ proxy }: AppBehindProxy): Promise<void> {
  const { gid } = proxy.messages.find(({ call }) => call === 'prepare')!
  const response = await fetch(`${server.url}/api/dtmsvr/forceStop`, {
    method: 'POST',
    body: JSON.stringify({ gid, trans_type: 'msg' }),
  })
  expect(response.status).toBe(200)
}

async function passes(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
