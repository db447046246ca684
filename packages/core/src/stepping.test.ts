import { describe, expect, it } from 'vitest'
import { httpStep } from './http-step.ts'
import { defineStep } from './step.ts'
import { createStepping } from './stepping.ts'
import type { SteppingOptions } from './stepping-options.ts'
import { tenantDatabases } from './tenant-databases.ts'
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

  it('migrates the databases of one tenant, and nothing else', async () => {
    const log: string[] = []
    const shops = tenantDatabases({
      name: 'shop',
      resolve: (tenant) => new FakeDatabase({ name: 'shop', tenant }, log),
    })
    const orders = new FakeDatabase({ name: 'orders' }, log)
    const { stepping } = fakeApp({ log, databases: [orders, shops] })
    await stepping.migrate({ tenant: 'acme' })
    expect(log).toEqual(['migrate shop/acme'])
  })

  it('leaves the databases of tenants to be migrated one by one', async () => {
    const log: string[] = []
    const shops = tenantDatabases({
      name: 'shop',
      resolve: (tenant) => new FakeDatabase({ name: 'shop', tenant }, log),
    })
    await shops.get('acme')
    const orders = new FakeDatabase({ name: 'orders' }, log)
    await fakeApp({ log, databases: [orders, shops] }).stepping.migrate()
    expect(log).toEqual(['migrate orders', 'migrate tm'])
  })

  it('says so when its transaction manager has no jobs to look at', async () => {
    const { stepping } = fakeApp()
    expect(() => stepping.jobs).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    await expect(stepping.health()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })
})

describe('an app with unusable options', () => {
  const tm = new FakeTransactionManager()
  const valid = { app: 'shop', tm, steps: [] }

  it.each([
    ['no app', { app: undefined }, 'app is undefined'],
    ['an empty app', { app: '' }, 'app is ""'],
    ['a blank app', { app: ' ' }, 'app is " "'],
    ['blanks around the app', { app: 'shop ' }, 'app is "shop "'],
    ['an app of several lines', { app: 'shop\nfloor' }, 'app is'],
    ['an app with half a character', { app: 'shop\ud800' }, 'app is'],
    ['an endless app', { app: 'x'.repeat(101) }, 'app is'],
    ['an app that is no text', { app: 7 }, 'app is 7'],
    ['no transaction manager', { tm: undefined }, 'tm is undefined'],
    ['no list of steps', { steps: undefined }, 'steps is undefined'],
    ['no list of databases', { databases: {} }, 'databases is an object'],
  ])('is refused: %s', (_name, option, message) => {
    const create = (): unknown => createStepping({ ...valid, ...option } as SteppingOptions)
    expect(create).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
    expect(create).toThrow(`createStepping: ${message}`)
  })

  it.each(['shop', '@shop/orders', 'Müllers Läden', 'x'.repeat(100)])('may be called %j', (app) => {
    expect(createStepping({ ...valid, tm: new FakeTransactionManager(), app }).app).toBe(app)
  })

  it('is refused with the transaction manager of another one, by the name of that', async () => {
    const first = fakeApp()
    const create = (): unknown => createStepping({ ...valid, tm: first.tm, app: 'billing' })
    expect(create).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
    expect(create).toThrow(/belongs to a Stepping for shop already/)
    await first.stepping.close()
    expect(create).toThrow(/already/)
  })

  it('does not take its transaction manager away from the next try', () => {
    const own = new FakeTransactionManager()
    const orders = new FakeDatabase({ name: 'orders' })
    const twin = new FakeDatabase({ name: 'orders' })
    expect(() => createStepping({ ...valid, tm: own, databases: [orders, twin] })).toThrow(/orders/)
    expect(createStepping({ ...valid, tm: own, databases: [orders] }).app).toBe('shop')
  })
})

describe('starting', () => {
  it('hands the transaction manager the app: its name, its steps and its databases', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const participant = await participantOf(fakeApp({ databases: [orders] }))
    expect(participant).toMatchObject({ app: 'shop', databases: [orders] })
    expect(participant.stepNames).toEqual(['SendMail', 'ShipOrder', 'stepping.http'])
  })

  it('lets the transaction manager see the tenants that were resolved since', async () => {
    const shops = tenantDatabases({
      name: 'shop',
      resolve: (tenant) => new FakeDatabase({ name: 'shop', tenant }),
    })
    const participant = await participantOf(fakeApp({ databases: [shops] }))
    expect(participant.databases).toEqual([])
    const acme = await shops.get('acme')
    expect(participant.databases).toEqual([acme])
    shops.forget('acme')
    expect(participant.databases).toEqual([])
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
