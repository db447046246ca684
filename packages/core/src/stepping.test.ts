import { describe, expect, it } from 'vitest'
import { httpStep } from './http-step.ts'
import type { JobAdmin } from './job-admin.ts'
import { defineStep } from './step.ts'
import { callOf, fakeApp, participantOf, sendMail } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

const closed = expect.objectContaining({ code: 'CLOSED' })

describe('an app', () => {
  it('refuses two steps of one name', () => {
    const twin = defineStep({ name: 'SendMail', run: () => {} })
    expect(() => fakeApp({ steps: [twin] })).toThrow(
      expect.objectContaining({ code: 'STEP_DUPLICATE' }),
    )
  })

  it('refuses two databases of one name', () => {
    const databases = [new FakeDatabase({ name: 'orders' }), new FakeDatabase({ name: 'orders' })]
    expect(() => fakeApp({ databases })).toThrow(
      expect.objectContaining({ code: 'DATABASE_DUPLICATE' }),
    )
  })

  it('knows the HTTP step without being told', () => {
    const job = fakeApp().stepping.createJob()
    expect(() => job.addStep(httpStep, { url: 'http://localhost/' })).not.toThrow()
  })

  it('knows the database of its transaction manager without being told', async () => {
    const log: string[] = []
    const database = new FakeDatabase({ name: 'jobs' }, log)
    const { stepping } = fakeApp({ log, tm: new FakeTransactionManager(log, { database }) })
    await stepping.transaction(database, async (_tx, job) => void job.addStep(sendMail))
    expect(log.at(-1)).toBe('submit')
  })

  it('migrates every database once, and then its transaction manager', async () => {
    const log: string[] = []
    const jobs = new FakeDatabase({ name: 'jobs' }, log)
    const orders = new FakeDatabase({ name: 'orders' }, log)
    const tm = new FakeTransactionManager(log, { database: jobs })
    await fakeApp({ log, tm, databases: [orders, jobs] }).stepping.migrate()
    expect(log).toEqual(['migrate orders', 'migrate jobs', 'migrate tm'])
  })

  it('gives the jobs of its transaction manager to look at', () => {
    const jobs = { find: async () => null } as unknown as JobAdmin
    const { stepping } = fakeApp({ tm: new FakeTransactionManager([], { jobs }) })
    expect(stepping.jobs).toBe(jobs)
  })

  it('says so when its transaction manager has no jobs to look at', async () => {
    const { stepping } = fakeApp()
    expect(() => stepping.jobs).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    await expect(stepping.health()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })
})

describe('starting', () => {
  it('hands the transaction manager the app: its name, its steps and its databases', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const participant = await participantOf(fakeApp({ databases: [orders] }))
    expect(participant).toMatchObject({ app: 'shop', databases: [orders] })
    expect(participant.stepNames).toEqual(['SendMail', 'ShipOrder', 'stepping.http'])
  })

  it.each([
    [undefined, true],
    [true, true],
    [false, false],
  ])('with execute: %s lets it execute: %s', async (execute, expected) => {
    const { stepping, tm } = fakeApp(execute === undefined ? {} : { execute })
    await stepping.start()
    expect(tm.execute).toBe(expected)
  })

  it('twice is refused', async () => {
    const { stepping, tm } = fakeApp()
    await stepping.start()
    await expect(stepping.start()).rejects.toMatchObject({ code: 'ALREADY_STARTED' })
    expect(tm.log).toEqual(['start'])
  })

  it('twice at once is refused, too', async () => {
    const { stepping, tm } = fakeApp()
    const [first, second] = await Promise.allSettled([stepping.start(), stepping.start()])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ reason: { code: 'ALREADY_STARTED' } })
    expect(tm.log).toEqual(['start'])
  })

  it('is refused with the error of a database that is not ready, before anything executes', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const missing = new Error('not migrated')
    orders.faults.failNext('identity', missing)
    const { stepping, tm } = fakeApp({ databases: [orders] })
    await expect(stepping.start()).rejects.toBe(missing)
    expect(tm.log).toEqual([])
  })

  it('may be repeated after it failed', async () => {
    const { stepping, tm } = fakeApp()
    tm.faults.failNext('start', new Error('connect ECONNREFUSED'))
    await expect(stepping.start()).rejects.toThrow('connect ECONNREFUSED')
    await stepping.start()
    expect(tm.participant).toBeDefined()
  })
})

describe('closing', () => {
  it('closes the transaction manager, once', async () => {
    const { stepping, tm } = fakeApp()
    await Promise.all([stepping.close(), stepping.close()])
    await stepping.close()
    expect(tm.log).toEqual(['close'])
  })

  it('happens at the end of an await using block', async () => {
    const { stepping, tm } = fakeApp()
    {
      await using disposed = stepping
      expect(disposed).toBe(stepping)
    }
    expect(tm.log).toEqual(['close'])
  })

  it('leaves nothing that could be used', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const { stepping } = fakeApp({ databases: [orders] })
    await stepping.close()
    expect(() => stepping.createJob()).toThrow(closed)
    await expect(stepping.start()).rejects.toEqual(closed)
    await expect(stepping.transaction(orders, async () => {})).rejects.toEqual(closed)
    expect(orders.log).toEqual([])
  })

  it('waits for what goes on in the background', async () => {
    const log: string[] = []
    const orders = new FakeDatabase({ name: 'orders' }, log)
    orders.nextCommit = 'refused'
    const { reached, letGo } = orders.faults.holdNext('resolve')
    const { stepping } = fakeApp({ log, databases: [orders] })
    const done = stepping.transaction(orders, async (_tx, job) => void job.addStep(sendMail))
    await expect(done).rejects.toThrow('could not serialize access')
    await reached
    const closing = stepping.close()
    letGo()
    await closing
    expect(log.slice(-3)).toEqual(['resolve', 'abort', 'close'])
  })

  it('lets running steps use once and add jobs until the transaction manager is closed', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const goOn = Promise.withResolvers<void>()
    const slow = defineStep({
      name: 'Slow',
      run: async ({ once }) => {
        await goOn.promise
        await once(orders, async (tx) => tx.insert('payment'))
        await app.stepping.createJob().addStep(sendMail).start()
      },
    })
    const app = fakeApp({ databases: [orders], steps: [slow] })
    const participant = await participantOf(app)
    const { reached, letGo } = app.tm.faults.holdNext('close')
    const attempt = participant.runStep(callOf(slow))
    const closing = app.stepping.close()
    await reached
    goOn.resolve()
    expect(await attempt).toEqual({ done: true })
    letGo()
    await closing
    expect(orders.rows).toEqual(['payment'])
    expect(app.tm.jobsBy('submit')).toHaveLength(1)
  })

  it('while the databases are still asked begins nothing afterwards', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const { reached, letGo } = orders.faults.holdNext('identity')
    const { stepping, tm } = fakeApp({ databases: [orders] })
    const starting = Promise.allSettled([stepping.start()])
    await reached
    const closing = stepping.close()
    letGo()
    await closing
    expect(await starting).toMatchObject([{ reason: { code: 'CLOSED' } }])
    expect(tm.log).toEqual(['close'])
  })

  it('while the transaction manager is starting closes it after that', async () => {
    const { stepping, tm } = fakeApp()
    const { reached, letGo } = tm.faults.holdNext('start')
    const starting = stepping.start()
    await reached
    const closing = stepping.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(tm.log).toEqual(['start'])
    letGo()
    await starting
    await closing
    expect(tm.log).toEqual(['start', 'close'])
  })
})
