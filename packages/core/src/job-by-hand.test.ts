import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { CommittableJob } from './job-handle.ts'
import type { SteppingEvent } from './event.ts'
import type { Stepping } from './stepping.ts'
import { fakeApp, sendMail } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

let log: string[]
let tm: FakeTransactionManager
let database: FakeDatabase
let stepping: Stepping
let events: SteppingEvent[]

beforeEach(() => {
  log = []
  tm = new FakeTransactionManager(log)
  database = new FakeDatabase({ name: 'orders' }, log)
  ;({ stepping, events } = fakeApp({ log, tm, databases: [database] }))
})

describe('a job in a transaction that the caller commits', () => {
  it('is prepared and its barrier inserted, and submitted only after the commit', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await database.commit(tx)
    expect(await job.submit()).toEqual({ gid: job.gid, submitted: true })
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'submit'])
  })

  it('may have more statements after its barrier row', async () => {
    const insert = vi.spyOn(database.barrier, 'insert')
    const tx = database.begin()
    await stepping.createJob(database.context(tx)).addStep(sendMail).prepareAndInsertBarrier()
    expect(insert.mock.lastCall?.slice(2)).toEqual(['msg', false])
  })

  it('names its database, with the identity, but nothing of how it is reached', async () => {
    const tx = database.begin()
    await stepping.createJob(database.context(tx)).addStep(sendMail).prepareAndInsertBarrier()
    expect(tm.jobsBy('prepare')[0]).toMatchObject({
      database: { name: 'orders', identity: 'identity of orders' },
      byHand: true,
    })
  })

  it('names the tenant whose database it is', async () => {
    const acme = new FakeDatabase({ name: 'orders', tenant: 'acme' })
    const app = fakeApp({ databases: [acme, database] })
    const tx = acme.begin()
    await app.stepping.createJob(acme.context(tx)).addStep(sendMail).prepareAndInsertBarrier()
    expect(app.tm.jobsBy('prepare')[0]?.database).toMatchObject({ name: 'orders', tenant: 'acme' })
  })

  it('leaves its transaction to the caller', async () => {
    const tx = database.begin()
    await stepping.createJob(database.context(tx)).addStep(sendMail).prepareAndInsertBarrier()
    expect(tx.state).toBe('open')
  })

  it('keeps a gid of the caller', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx), { gid: 'message-1' }).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await database.commit(tx)
    expect(database.barrierRows.get('message-1')).toBe('msg')
  })

  it('cannot commit that transaction by a start', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    const loose = job as unknown as CommittableJob
    await expect(loose.start()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    expect(log).toEqual(['begin'])
  })
})

describe('tying a job to a transaction', () => {
  it('is refused outside an open transaction, and nothing is sent', async () => {
    const tx = database.begin()
    const context = database.context(tx)
    database.rollBack(tx)
    await expect(
      stepping.createJob(context).addStep(sendMail).prepareAndInsertBarrier(),
    ).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    expect(log).toEqual(['begin', 'rollback'])
  })

  it('is refused for a database that the app did not register', () => {
    const other = new FakeDatabase({ name: 'other' })
    const context = other.context(other.begin())
    expect(() => stepping.createJob(context)).toThrow(
      expect.objectContaining({ code: 'DATABASE_NOT_REGISTERED' }),
    )
  })

  it('is refused without a step, and nothing is sent', async () => {
    const job = stepping.createJob(database.context(database.begin()))
    await expect(job.prepareAndInsertBarrier()).rejects.toMatchObject({ code: 'JOB_NO_STEPS' })
    expect(log).toEqual(['begin'])
  })

  it('is done once', async () => {
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await expect(job.prepareAndInsertBarrier()).rejects.toMatchObject({
      code: 'JOB_ALREADY_PREPARED',
    })
    expect(tm.jobsBy('prepare')).toHaveLength(1)
  })

  it('is done by one of two calls at once', async () => {
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    const [first, second] = await Promise.allSettled([
      job.prepareAndInsertBarrier(),
      job.prepareAndInsertBarrier(),
    ])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ reason: { code: 'JOB_ALREADY_PREPARED' } })
    expect(tm.jobsBy('prepare')).toHaveLength(1)
  })

  it('freezes the steps', async () => {
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    expect(() => job.addStep(sendMail)).toThrow(expect.objectContaining({ code: 'JOB_FROZEN' }))
  })

  it('may be repeated after the transaction manager rejected it', async () => {
    const unreachable = new Error('connect ECONNREFUSED')
    tm.faults.failNext('prepare', unreachable)
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.prepareAndInsertBarrier()).rejects.toBe(unreachable)
    await job.prepareAndInsertBarrier()
    expect(log).toEqual(['begin', 'prepare', 'prepare', 'barrier'])
    expect(tm.jobsBy('prepare')[1]).toBe(tm.jobsBy('prepare')[0])
  })

  it('may not be repeated after that where the gid of the caller is in the transaction already', async () => {
    const unreachable = new Error('connect ECONNREFUSED')
    tm.faults.failNext('prepare', unreachable)
    const context = database.context(database.begin())
    const job = stepping.createJob(context, { gid: 'message-1' }).addStep(sendMail)
    await expect(job.prepareAndInsertBarrier()).rejects.toBe(unreachable)
    await expect(job.prepareAndInsertBarrier()).rejects.toMatchObject({
      code: 'TRANSACTION_UNUSABLE',
    })
    expect(log).toEqual(['begin', 'barrier', 'prepare'])
  })

  it('may not be repeated after the barrier was rejected, which may have been written', async () => {
    const lost = new Error('connection lost')
    database.faults.failNext('barrier', lost)
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.prepareAndInsertBarrier()).rejects.toBe(lost)
    await expect(job.prepareAndInsertBarrier()).rejects.toMatchObject({
      code: 'TRANSACTION_UNUSABLE',
    })
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    expect(log).toEqual(['begin', 'prepare', 'barrier'])
  })

  it('is refused when the gid was decided as rolled back', async () => {
    await database.barrier.resolve({
      gid: 'g1',
      notAfter: Infinity,
      identity: 'identity of orders',
    })
    const context = database.context(database.begin())
    await expect(
      stepping.createJob(context, { gid: 'g1' }).addStep(sendMail).prepareAndInsertBarrier(),
    ).rejects.toMatchObject({ code: 'BARRIER_DECIDED' })
  })
})

describe('submitting it', () => {
  it('is refused before it was prepared', async () => {
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.submit()).rejects.toMatchObject({ code: 'JOB_NOT_PREPARED' })
    expect(log).toEqual(['begin'])
  })

  it('is refused while it is being prepared', async () => {
    const { reached, letGo } = tm.faults.holdNext('prepare')
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    const prepared = job.prepareAndInsertBarrier()
    await reached
    await expect(job.submit()).rejects.toMatchObject({ code: 'JOB_NOT_PREPARED' })
    letGo()
    await prepared
  })

  it('is refused while its transaction is open, and works after the commit', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_NOT_COMMITTED' })
    expect(tm.jobsBy('submit')).toEqual([])
    await database.commit(tx)
    expect(await job.submit()).toMatchObject({ submitted: true })
  })

  it('is refused after a roll-back: the job is dropped and never submitted', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    database.rollBack(tx)
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await stepping.close()
    expect(tm.jobsBy('submit')).toEqual([])
    expect(tm.jobsBy('abort').map(({ gid }) => gid)).toEqual([job.gid])
  })

  it('is refused when a savepoint took the barrier away, although the transaction committed', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    tx.barrierRows.delete(job.gid)
    await database.commit(tx)
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(tm.jobsBy('submit')).toEqual([])
  })

  it('is done once', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await database.commit(tx)
    const [first, second] = await Promise.allSettled([job.submit(), job.submit()])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ reason: { code: 'JOB_ALREADY_SUBMITTED' } })
    await expect(job.submit()).rejects.toMatchObject({ code: 'JOB_ALREADY_SUBMITTED' })
    expect(tm.jobsBy('submit')).toHaveLength(1)
  })

  it('that does not get through is told, not thrown: the job is committed', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await database.commit(tx)
    const error = new Error('connect ECONNREFUSED')
    tm.faults.failNext('submit', error)
    expect(await job.submit()).toEqual({ gid: job.gid, submitted: false })
    expect(events).toEqual([{ type: 'job.submitDeferred', gid: job.gid, error }])
  })

  it('is left to query prepared when the database does not say whether it committed', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await database.commit(tx)
    const error = new Error('connection lost')
    database.faults.failNext('resolve', error)
    expect(await job.submit()).toEqual({ gid: job.gid, submitted: false })
    expect(events).toEqual([{ type: 'job.submitDeferred', gid: job.gid, error }])
    expect(tm.jobsBy('submit')).toEqual([])
  })
})

describe('a job by hand whose transaction reaches the store', () => {
  beforeEach(() => {
    tm.enlists = true
  })

  it('is stored in it beside a barrier row, by which submit can ask', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await database.commit(tx)
    expect(await job.submit()).toEqual({ gid: job.gid, submitted: true })
    expect(log).toEqual([
      'begin',
      'barrier',
      'enlist',
      'commit',
      'resolve',
      'enlisted job committed',
    ])
  })

  it('is given up when its transaction rolled back', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    database.rollBack(tx)
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(log.at(-1)).toBe('enlisted job not committed')
  })

  it('is not stored when its barrier was rejected, whatever becomes of the transaction', async () => {
    database.faults.failNext('barrier', new Error('connection lost'))
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.prepareAndInsertBarrier()).rejects.toThrow('connection lost')
    expect(log).toEqual(['begin', 'barrier'])
  })
})
