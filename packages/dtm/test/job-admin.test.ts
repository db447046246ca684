import { defineStep } from '@stepping/core'
import { freshDatabase, startDtm } from '@stepping/test-support'
import type { DtmServer } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { dtmOptions } from '../src/index.ts'
import { openOrders, startApp } from './app.ts'
import type { App, OrdersDatabase } from './app.ts'

describe.each([
  ['BoltDB', 'HTTP'],
  ['PostgreSQL', 'HTTP'],
  ['BoltDB', 'gRPC'],
  ['PostgreSQL', 'gRPC'],
] as const)('with DTM over %s, called by %s,', (store, over) => {
  let server: DtmServer
  let orders: OrdersDatabase

  beforeAll(async () => {
    orders = await openOrders()
    if (store === 'BoltDB') server = await startDtm()
    else {
      const { url } = await freshDatabase(inject('postgresUrl'), 'dtm')
      server = await startDtm({ postgresUrl: url })
    }
  }, 600_000)

  afterAll(async () => {
    await orders.close()
    await server.stop()
  })

  function reach(): { server: string; grpc?: string } {
    const { url, grpc } = server
    return { server: url, ...(over === 'gRPC' && { grpc }) }
  }

  interface Opened extends App {
    /** Starts a job whose second step fails until it may succeed. */
    start(): Promise<string>
    readonly began: number[]
    mend(): void
  }

  async function open(): Promise<Opened> {
    let isMended = false
    const began: number[] = []
    const tried = defineStep({
      name: 'Tried',
      run: ({ attempt }) => {
        began.push(attempt)
        if (!isMended) throw new Error('the mail server is away')
      },
    })
    const app = await startApp({ ...reach(), orders, steps: [tried] })
    return {
      ...app,
      began,
      start: async () => {
        const job = app.stepping.createJob().addStep(app.note, 'first').addStep(tried)
        return (await job.start()).gid
      },
      mend: () => {
        isMended = true
      },
    }
  }

  test('a job is found, from its start to its end', async () => {
    const app = await open()
    const gid = await app.start()
    await vi.waitFor(
      async () => {
        expect(await app.stepping.jobs.find(gid)).toMatchObject({
          gid,
          app: 'shop',
          state: 'submitted',
          steps: [
            { name: 'Note', done: true },
            { name: 'Tried', done: false },
          ],
          attempts: 1,
          lastError: 'the mail server is away',
          running: false,
          createdAt: expect.any(Date),
          finishedAt: null,
        })
      },
      { timeout: 20_000 },
    )
    app.mend()
    await app.finished(gid)
    await vi.waitFor(
      async () => {
        expect(await app.stepping.jobs.find(gid)).toMatchObject({
          state: 'finished',
          steps: [{ done: true }, { done: true }],
          finishedAt: expect.any(Date),
        })
      },
      { timeout: 20_000 },
    )
  }, 40_000)

  test('a job that nobody has is not found', async () => {
    const app = await open()
    expect(await app.stepping.jobs.find('nobody')).toBeNull()
    await expect(app.stepping.jobs.retry('nobody')).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
    await expect(app.stepping.jobs.cancel('nobody')).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
  })

  test('a job that waits long is tried again at once', async () => {
    const app = await open()
    const gid = await app.start()
    await vi.waitFor(() => expect(app.began).toEqual([1, 2]), { timeout: 15_000 })
    app.mend()
    const isDue = async (): Promise<number> =>
      (await app.stepping.jobs.find(gid))!.dueAt.getTime() - Date.now()
    await vi.waitFor(async () => expect(await isDue()).toBeGreaterThan(10_000), { timeout: 20_000 })
    // One that is due later is not moved along: its delay would begin anew.
    const tm = dtmOptions({ delayMs: 3_600_000 })
    const delayed = await app.stepping.createJob({ tm }).addStep(app.note, 'later').start()
    const delayedUntil = async (): Promise<number> =>
      (await app.stepping.jobs.find(delayed.gid))!.dueAt.getTime()
    await vi.waitFor(async () => expect(await delayedUntil()).toBeGreaterThan(Date.now() + 1e6))
    const until = await delayedUntil()
    await app.stepping.jobs.retry(gid)
    await app.finished(gid, 8_000)
    expect(await delayedUntil()).toBe(until)
    await app.stepping.jobs.cancel(delayed.gid)
  }, 60_000)

  test('a job of another app is neither found nor ended', async () => {
    const app = await open()
    const market = await startApp({ ...reach(), name: 'market' })
    const tm = dtmOptions({ delayMs: 3_600_000 })
    const { gid } = await app.stepping.createJob({ tm }).addStep(app.note, 'of the shop').start()
    expect(await market.stepping.jobs.find(gid)).toBeNull()
    await expect(market.stepping.jobs.cancel(gid)).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
    await expect(market.stepping.jobs.retry(gid)).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
    await app.stepping.jobs.cancel(gid)
  })

  test('a job is cancelled before its next step', async () => {
    const app = await open()
    const gid = await app.start()
    await vi.waitFor(() => expect(app.began).toEqual([1]), { timeout: 20_000 })
    // Begun is not ended: until then it is JOB_RUNNING.
    const cancel = (): Promise<void> =>
      vi.waitFor(() => app.stepping.jobs.cancel(gid), { timeout: 20_000 })
    const isCancelled = async (): Promise<void> =>
      expect(await app.stepping.jobs.find(gid)).toMatchObject({ state: 'cancelled' })
    await cancel()
    // Over BoltDB DTM may take it back once, when the step that it was about to call fails.
    if (store === 'BoltDB') await isCancelled().catch(cancel)
    await isCancelled()
    await expect(app.stepping.jobs.cancel(gid)).rejects.toMatchObject({ code: 'JOB_STATE' })
    await expect(app.stepping.jobs.retry(gid)).rejects.toMatchObject({ code: 'JOB_STATE' })
  })

  test('a job is not cancelled while an attempt of it runs here', async () => {
    const ended = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const slow = defineStep({
      name: 'Slow',
      run: async () => {
        begun.resolve()
        await ended.promise
      },
    })
    const app = await startApp({ ...reach(), steps: [slow] })
    onTestFinished(() => ended.resolve())
    const { gid } = await app.stepping.createJob().addStep(slow).start()
    await begun.promise
    await expect(app.stepping.jobs.cancel(gid)).rejects.toMatchObject({ code: 'JOB_RUNNING', gid })
  })

  test('a prepared job is cancelled only as its transaction says', async () => {
    const app = await open()
    const { database, db } = orders
    const failure = new Error('rolled back')
    let gid = ''
    const rejected = db.transaction(async (tx) => {
      const job = app.stepping.createJob(database.context(tx)).addStep(app.note, 'never')
      gid = job.gid
      await job.prepareAndInsertBarrier()
      const undecided = app.stepping.jobs.cancel(gid)
      await expect(undecided).rejects.toMatchObject({ code: 'BARRIER_UNDECIDED' })
      throw failure
    })
    await expect(rejected).rejects.toBe(failure)
    await app.stepping.jobs.cancel(gid)
    expect(await app.stepping.jobs.find(gid)).toMatchObject({ state: 'rolledBack' })

    const job = await db.transaction(async (tx) => {
      const made = app.stepping.createJob(database.context(tx)).addStep(app.note, 'neither')
      await made.prepareAndInsertBarrier()
      return made
    })
    await app.stepping.jobs.cancel(job.gid)
    expect(await app.stepping.jobs.find(job.gid)).toMatchObject({ state: 'cancelled' })
    expect(app.notes).toEqual([])
  })

  test('prepared jobs whose database is gone for good are ended by another one in its place', async () => {
    const gone = await openOrders('gone')
    const app = await startApp({ ...reach(), orders: gone })
    const prepare = async (): Promise<string> =>
      await gone.db.transaction(async (tx) => {
        const job = app.stepping.createJob(gone.database.context(tx)).addStep(app.note, 'run')
        await job.prepareAndInsertBarrier()
        return job.gid
      })
    const [never, wanted] = [await prepare(), await prepare()]
    const identity = await gone.database.identity()
    await gone.close()
    await expect(app.stepping.jobs.cancel(never)).rejects.toMatchObject({
      gid: never,
      message: expect.stringContaining(`gone with the identity ${identity}`),
    })
    const other = await openOrders('gone')
    onTestFinished(() => other.close())
    await other.query(`update stepping.meta set value = $1 where name = 'identity'`, [identity])
    await other.query(
      `insert into stepping.barrier (trans_type, gid, branch_id, op, barrier_id, reason)
       values ('msg', $1, '00', 'msg', '01', 'msg')`,
      [wanted],
    )
    const again = await startApp({ ...reach(), orders: other })
    await again.stepping.jobs.cancel(never)
    expect(await again.stepping.jobs.find(never)).toMatchObject({ state: 'rolledBack' })
    await again.stepping.jobs.cancel(wanted)
    expect(await again.stepping.jobs.find(wanted)).toMatchObject({ state: 'cancelled' })
    expect(app.notes).toEqual([])
  })

  test('a failed attempt is told with the wait that DTM has for the job', async () => {
    const app = await open()
    const gid = await app.start()
    const waits = (): unknown[] =>
      app.events.flatMap((event) => (event.type === 'step.failed' ? [event.retryInMs] : []))
    await vi.waitFor(() => expect(waits().slice(0, 2)).toEqual([6_000, 12_000]), {
      timeout: 20_000,
    })
    await vi.waitFor(() => app.stepping.jobs.cancel(gid), { timeout: 20_000 })
  }, 50_000)

  test('old rows of jobs that are over go, and those of others stay', async () => {
    const app = await open()
    const { gid: finished } = await placed(app)
    await app.finished(finished)
    await orders.query(`update stepping.barrier set create_time = create_time - interval '3 days'`)
    await orders.query(
      `insert into stepping.barrier (trans_type, gid, branch_id, op, barrier_id, reason, create_time)
       values ('msg', 'of-somebody-else', '00', 'msg', '01', 'msg', now() - interval '3 days')`,
    )
    await app.stepping.jobs.prune()
    const left = await orders.query('select gid from stepping.barrier')
    expect(left.map(({ gid }) => gid)).toContain('of-somebody-else')
    expect(left.map(({ gid }) => gid)).not.toContain(finished)
  })

  async function placed(app: App): Promise<{ gid: string }> {
    return await app.stepping.transaction(orders.database, async (_tx, job) => {
      job.addStep(app.note, 'placed')
      return { gid: job.gid }
    })
  }

  test('health tells whether DTM answers', async () => {
    const app = await open()
    expect(await app.stepping.health()).toEqual({
      ok: true,
      running: 0,
      lastPollAgeMs: expect.any(Number),
      error: null,
      jobs: null,
      unknownSteps: [],
    })
    await server.kill()
    expect(await app.stepping.health()).toMatchObject({
      ok: false,
      error: expect.stringContaining('ECONNREFUSED'),
    })
    await server.start()
    expect(await app.stepping.health()).toMatchObject({ ok: true })
  })

  test('what is asked about a job is counted in one place, however many jobs there are', async () => {
    const app = await open()
    for (let n = 0; n < 3; n++) await app.stepping.jobs.find(crypto.randomUUID())
    const metrics = await (await fetch(`${server.url}/api/metrics`)).text()
    const counted = metrics
      .split('\n')
      .filter((line) => /^dtm_server_process_total.*query/.test(line))
    expect(counted).toHaveLength(1)
  })
})
