import { beforeEach, describe, expect, it } from 'vitest'
import type { TransactionJob } from './job-handle.ts'
import { defineStep } from './step.ts'
import type { Stepping } from './stepping.ts'
import { callOf, fakeApp, participantOf, sendMail } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

let log: string[]
let tm: FakeTransactionManager
let stepping: Stepping

beforeEach(() => {
  log = []
  tm = new FakeTransactionManager(log)
  stepping = fakeApp({ log, tm }).stepping
})

describe('a job without a transaction', () => {
  it('is submitted, and nothing else', async () => {
    const job = stepping.createJob().addStep(sendMail)
    expect(await job.start()).toEqual({ gid: job.gid, submitted: true })
    expect(log).toEqual(['submit'])
    expect(tm.jobsBy('submit')[0]).not.toHaveProperty('database')
  })

  it('without a step is refused and not sent', async () => {
    await expect(stepping.createJob({ gid: 'g1' }).start()).rejects.toMatchObject({
      code: 'JOB_NO_STEPS',
      gid: 'g1',
    })
    expect(log).toEqual([])
  })

  it('that was refused without a step may still be given one', async () => {
    const job = stepping.createJob()
    await expect(job.start()).rejects.toMatchObject({ code: 'JOB_NO_STEPS' })
    await job.addStep(sendMail).start()
    expect(log).toEqual(['submit'])
  })

  it('starts only once', async () => {
    const job = stepping.createJob().addStep(sendMail)
    await job.start()
    await expect(job.start()).rejects.toMatchObject({ code: 'JOB_ALREADY_SUBMITTED' })
    expect(log).toEqual(['submit'])
  })

  it('lets one of two starts at once through', async () => {
    const job = stepping.createJob().addStep(sendMail)
    const [first, second] = await Promise.allSettled([job.start(), job.start()])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ reason: { code: 'JOB_ALREADY_SUBMITTED' } })
    expect(log).toEqual(['submit'])
  })

  it('cannot be changed after its start', async () => {
    const job = stepping.createJob({ gid: 'g1' }).addStep(sendMail)
    await job.start()
    expect(() => job.addStep(sendMail)).toThrow(
      expect.objectContaining({ code: 'JOB_FROZEN', gid: 'g1' }),
    )
  })

  it('cannot be changed while its start is under way', async () => {
    const { reached, letGo } = tm.faults.holdNext('submit')
    const job = stepping.createJob().addStep(sendMail)
    const started = job.start()
    await reached
    expect(() => job.addStep(sendMail)).toThrow(expect.objectContaining({ code: 'JOB_FROZEN' }))
    letGo()
    await started
    expect(tm.jobsBy('submit')[0]?.steps).toHaveLength(1)
  })

  it('has no transaction to be prepared in', async () => {
    const job = stepping.createJob().addStep(sendMail) as unknown as TransactionJob
    await expect(job.prepareAndInsertBarrier()).rejects.toMatchObject({
      code: 'JOB_NO_TRANSACTION',
    })
    expect(log).toEqual([])
  })
})

describe('a start that the transaction manager rejected', () => {
  const unreachable = new Error('connect ECONNREFUSED')

  it('rejects with the same error', async () => {
    tm.faults.failNext('submit', unreachable)
    await expect(stepping.createJob().addStep(sendMail).start()).rejects.toBe(unreachable)
  })

  it('may be repeated and sends the very same record, by which the repeat is known', async () => {
    tm.faults.failNext('submit', unreachable)
    const job = stepping.createJob().addStep(sendMail)
    await expect(job.start()).rejects.toBe(unreachable)
    expect(await job.start()).toEqual({ gid: job.gid, submitted: true })
    const [first, second] = tm.jobsBy('submit')
    expect(second).toBe(first)
  })

  it('leaves the steps frozen, because the job may have arrived', async () => {
    tm.faults.failNext('submit', unreachable)
    const job = stepping.createJob().addStep(sendMail)
    await expect(job.start()).rejects.toBe(unreachable)
    expect(() => job.addStep(sendMail)).toThrow(expect.objectContaining({ code: 'JOB_FROZEN' }))
  })
})

describe('a job without a transaction, started inside one', () => {
  const limits = { parallelTransactions: 'one connection' }

  beforeEach(() => {
    tm = new FakeTransactionManager(log)
  })

  it('is refused, with what to do instead: it would run though that rolls back', async () => {
    const database = new FakeDatabase({ name: 'orders' }, log)
    const app = fakeApp({ tm, databases: [database] })
    const job = app.stepping.createJob().addStep(sendMail)
    const started = app.stepping.transaction(database, async () => await job.start())
    await expect(started).rejects.toMatchObject({ code: 'TRANSACTION_NESTED', gid: job.gid })
    await expect(started).rejects.toThrow(/orders.*job that the callback was given.*independent/)
    expect(log).toEqual(['begin', 'rollback'])
  })

  it('is refused inside the transaction of once', async () => {
    const database = new FakeDatabase({ name: 'orders' }, log)
    const careless = defineStep({
      name: 'Careless',
      run: async ({ once }) => {
        await once(database, async () => {
          await app.stepping.createJob().addStep(sendMail).start()
        })
      },
    })
    const app = fakeApp({ tm, databases: [database], steps: [careless] })
    const participant = await participantOf(app)
    expect(await participant.runStep(callOf(careless))).toMatchObject({
      error: { code: 'TRANSACTION_NESTED' },
    })
    expect(tm.sent).toEqual([])
  })

  it('is allowed in a step, around which there is none', async () => {
    const careful = defineStep({
      name: 'Careful',
      run: async () => void (await app.stepping.createJob().addStep(sendMail).start()),
    })
    const app = fakeApp({ tm, steps: [careful] })
    const participant = await participantOf(app)
    expect(await participant.runStep(callOf(careful))).toEqual({ done: true })
    expect(tm.jobsBy('submit')).toHaveLength(1)
  })

  it('stands by itself when it is called independent', async () => {
    const database = new FakeDatabase({ name: 'orders' }, log)
    const app = fakeApp({ tm, databases: [database] })
    await app.stepping.transaction(database, async () => {
      await app.stepping.createJob({ independent: true }).addStep(sendMail).start()
    })
    expect(log).toEqual(['begin', 'submit', 'commit'])
  })

  it('may be created there and started after it', async () => {
    const database = new FakeDatabase({ name: 'orders' }, log)
    const app = fakeApp({ tm, databases: [database] })
    const job = await app.stepping.transaction(database, async () =>
      app.stepping.createJob().addStep(sendMail),
    )
    await job.start()
    expect(log).toEqual(['begin', 'commit', 'submit'])
  })

  it('is no job that is tied to another transaction there', async () => {
    const database = new FakeDatabase({ name: 'orders' }, log)
    const app = fakeApp({ tm, databases: [database] })
    await app.stepping.transaction(database, async (tx) => {
      const job = app.stepping.createJob(database.context(tx)).addStep(sendMail)
      await job.prepareAndInsertBarrier()
    })
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit'])
  })

  it('is refused where the store would wait for that transaction', async () => {
    const database = new FakeDatabase({ name: 'orders', limits }, log)
    const app = fakeApp({ tm: new FakeTransactionManager(log, { database }) })
    const started = app.stepping.transaction(database, async () => {
      await app.stepping.createJob({ independent: true }).addStep(sendMail).start()
    })
    await expect(started).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
    await expect(started).rejects.toThrow(/one connection/)
    expect(log).toEqual(['begin', 'rollback'])
  })

  it('may be started after it where the store has one connection', async () => {
    const database = new FakeDatabase({ name: 'orders', limits }, log)
    const app = fakeApp({ tm: new FakeTransactionManager(log, { database }) })
    await app.stepping.transaction(database, async (tx) => {
      tx.insert('order 1')
    })
    await app.stepping.createJob().addStep(sendMail).start()
    expect(log).toEqual(['begin', 'commit', 'submit'])
  })
})
