import { describe, expect, it } from 'vitest'
import { httpStep } from './http-step.ts'
import type { JobAdmin, JobPageRequest, JobQuery } from './job-admin.ts'
import { defineStep } from './step.ts'
import { createStepping } from './stepping.ts'
import type { Stepping } from './stepping.ts'
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

describe('looking at jobs', () => {
  const asked = ['find', 'list', 'retry', 'cancel', 'prune', 'health'] as const
  const limits = { parallelTransactions: 'one connection' }

  /** An app whose transaction manager answers every question with its name. */
  function lookingAt(store: FakeDatabase, ...databases: FakeDatabase[]): Stepping {
    const answers = asked.map((name) => [name, async () => name] as const)
    const jobs = Object.fromEntries(answers) as unknown as JobAdmin
    const tm = new FakeTransactionManager([], { database: store, jobs })
    return fakeApp({ tm, databases }).stepping
  }

  async function ask(stepping: Stepping, name: (typeof asked)[number]): Promise<unknown> {
    if (name === 'health') return await stepping.health()
    if (name === 'list') return await stepping.jobs.list({ state: 'parked' })
    return await stepping.jobs[name]('g1')
  }

  it.each(asked)('asks the transaction manager (%s)', async (name) => {
    const stepping = lookingAt(new FakeDatabase({ name: 'jobs' }))
    expect(await ask(stepping, name)).toBe(name === 'retry' || name === 'cancel' ? undefined : name)
  })

  it.each(asked)(
    'is refused where it would wait for the transaction around it (%s)',
    async (name) => {
      const store = new FakeDatabase({ name: 'jobs', limits })
      const stepping = lookingAt(store)
      const inside = stepping.transaction(store, async () => await ask(stepping, name))
      await expect(inside).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
      await expect(inside).rejects.toThrow(/one connection.*after that transaction/)
    },
  )

  it.each(asked)(
    'is allowed inside a transaction where there are connections (%s)',
    async (name) => {
      const store = new FakeDatabase({ name: 'jobs' })
      const stepping = lookingAt(store)
      await stepping.transaction(store, async () => await ask(stepping, name))
    },
  )

  it('lists the jobs of this app, a hundred at most unless told otherwise', async () => {
    const requests: JobPageRequest[] = []
    const list: JobAdmin['list'] = async (request) => {
      requests.push(request)
      return []
    }
    const tm = new FakeTransactionManager([], { jobs: { list } as JobAdmin })
    const { jobs } = fakeApp({ tm }).stepping
    expect(await jobs.list({ state: 'parked' })).toEqual([])
    await jobs.list({ state: 'finished', limit: 1_000, after: 'g1' })
    expect(requests).toEqual([
      { app: 'shop', state: 'parked', limit: 100, after: '' },
      { app: 'shop', state: 'finished', limit: 1_000, after: 'g1' },
    ])
  })

  it.each([
    [{}, /state is undefined, it must be one of prepared, .*parked/],
    [{ state: `parked' or 'a' = 'a` }, /state is "parked' or/],
    [{ state: 'parked', limit: 1_001 }, /limit is 1001, it must be a whole number from 1 to 1000/],
    [{ state: 'parked', after: 7 }, /after is 7, it must be the gid of a job/],
  ])('refuses to list what nothing is: %j', async (query, message) => {
    const tm = new FakeTransactionManager([], { jobs: { list: async () => [] } as never })
    const listed = fakeApp({ tm }).stepping.jobs.list(query as JobQuery)
    await expect(listed).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    await expect(listed).rejects.toThrow(message)
  })

  it('says where to look when its transaction manager cannot list jobs', async () => {
    const tm = new FakeTransactionManager([], { jobs: {} as JobAdmin })
    const listed = fakeApp({ tm }).stepping.jobs.list({ state: 'parked' })
    await expect(listed).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    await expect(listed).rejects.toThrow(/cannot list jobs.*its own tools/)
  })

  it('is refused where it asks another database with one connection', async () => {
    const orders = new FakeDatabase({ name: 'orders', limits })
    const stepping = lookingAt(new FakeDatabase({ name: 'jobs' }), orders)
    const nested = { code: 'TRANSACTION_NESTED' }
    await stepping.transaction(orders, async () => {
      await stepping.jobs.find('g1')
      await expect(stepping.jobs.cancel('g1')).rejects.toMatchObject(nested)
      await expect(stepping.jobs.prune()).rejects.toMatchObject(nested)
      await expect(stepping.migrate()).rejects.toMatchObject(nested)
      await expect(stepping.start()).rejects.toMatchObject(nested)
    })
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
