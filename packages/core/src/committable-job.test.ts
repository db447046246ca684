import { beforeEach, describe, expect, it } from 'vitest'
import type { SteppingEvent } from './event.ts'
import type { Stepping } from './stepping.ts'
import { fakeApp, sendMail } from './testing/fake-app.ts'
import { CommittableFakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

let log: string[]
let tm: FakeTransactionManager
let database: CommittableFakeDatabase
let stepping: Stepping
let events: SteppingEvent[]

beforeEach(() => {
  log = []
  tm = new FakeTransactionManager(log)
  database = new CommittableFakeDatabase({ name: 'orders' }, log)
  ;({ stepping, events } = fakeApp({ log, tm, databases: [database] }))
})

describe('a job that commits its transaction', () => {
  it('is prepared, gets its barrier, is committed and submitted, in this order', async () => {
    const tx = database.begin()
    tx.insert('order 1')
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    expect(await job.start()).toEqual({ gid: job.gid, submitted: true })
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'submit'])
    expect(database.rows).toEqual(['order 1'])
  })

  it('without a step is refused before anything is sent or committed', async () => {
    const job = stepping.createJob(database.context(database.begin()))
    await expect(job.start()).rejects.toMatchObject({ code: 'JOB_NO_STEPS' })
    expect(log).toEqual(['begin'])
  })

  it('starts only once', async () => {
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await job.start()
    await expect(job.start()).rejects.toMatchObject({ code: 'JOB_ALREADY_PREPARED' })
    expect(tm.jobsBy('submit')).toHaveLength(1)
  })

  it('lets one of two starts at once through', async () => {
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    const [first, second] = await Promise.allSettled([job.start(), job.start()])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ reason: { code: 'JOB_ALREADY_PREPARED' } })
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'submit'])
  })

  it('cannot be changed any more', async () => {
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await job.start()
    expect(() => job.addStep(sendMail)).toThrow(expect.objectContaining({ code: 'JOB_FROZEN' }))
  })

  it('may be prepared and submitted by hand instead', async () => {
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    await job.prepareAndInsertBarrier()
    await database.commit(tx)
    await job.submit()
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'submit'])
  })
})

describe('a start that fails before the commit', () => {
  it('may be repeated when the transaction manager rejected the prepare', async () => {
    tm.faults.failNext('prepare', new Error('connect ECONNREFUSED'))
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.start()).rejects.toThrow('connect ECONNREFUSED')
    await job.start()
    expect(log).toEqual(['begin', 'prepare', 'prepare', 'barrier', 'commit', 'submit'])
  })

  it('neither commits nor submits when the barrier was rejected, and may not be repeated', async () => {
    database.faults.failNext('barrier', new Error('connection lost'))
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.start()).rejects.toThrow('connection lost')
    await expect(job.start()).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    await stepping.close()
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'close'])
  })

  it('does not commit business rows beside a gid that was decided as rolled back', async () => {
    database.barrierRows.set('g1', 'rollback')
    const tx = database.begin()
    tx.insert('order 1')
    const job = stepping.createJob(database.context(tx), { gid: 'g1' }).addStep(sendMail)
    await expect(job.start()).rejects.toMatchObject({ code: 'BARRIER_DECIDED' })
    database.rollBack(tx)
    expect(database.rows).toEqual([])
    expect(tm.jobsBy('submit')).toEqual([])
  })

  it('leaves a job that is then prepared by hand able to ask for its outcome', async () => {
    tm.enlists = true
    const tx = database.begin()
    const job = stepping.createJob(database.context(tx)).addStep(sendMail)
    database.faults.failNext('assertUsable', new Error('a statement failed before'))
    await expect(job.start()).rejects.toThrow('a statement failed before')
    await job.prepareAndInsertBarrier()
    await database.commit(tx)
    expect(await job.submit()).toMatchObject({ submitted: true })
  })
})

describe('a commit that is not confirmed', () => {
  it('rejects with what the database said, and the barrier decides about the job', async () => {
    database.nextCommit = 'refused'
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.start()).rejects.toThrow('could not serialize access')
    await stepping.close()
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'abort', 'close'])
  })

  it('rejects with the gid to look for when the outcome is unknown', async () => {
    database.nextCommit = 'reply lost'
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.start()).rejects.toMatchObject({
      code: 'TRANSACTION_OUTCOME_UNKNOWN',
      gid: job.gid,
    })
  })

  it('submits the job when only the reply was lost', async () => {
    database.nextCommit = 'reply lost'
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.start()).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    await stepping.close()
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'submit', 'close'])
  })

  it('is looked up in the barrier when the commit came without proof', async () => {
    database.nextCommit = 'unproven'
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    expect(await job.start()).toMatchObject({ submitted: true })
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'submit'])
  })

  it('rejects when the barrier knows that it was rolled back', async () => {
    database.nextCommit = 'rolled back unnoticed'
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    await expect(job.start()).rejects.toMatchObject({
      code: 'TRANSACTION_ROLLED_BACK',
      gid: job.gid,
    })
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    await stepping.close()
    expect(tm.jobsBy('submit')).toEqual([])
    expect(tm.jobsBy('abort')).toHaveLength(1)
  })
})

describe('after the commit', () => {
  it('a submit that does not get through is told, not thrown', async () => {
    const error = new Error('connect ECONNREFUSED')
    tm.faults.failNext('submit', error)
    const job = stepping.createJob(database.context(database.begin())).addStep(sendMail)
    expect(await job.start()).toEqual({ gid: job.gid, submitted: false })
    expect(events).toEqual([{ type: 'job.submitDeferred', gid: job.gid, error }])
  })

  it('an enlisted job needs neither barrier nor submit', async () => {
    tm.enlists = true
    await stepping.createJob(database.context(database.begin())).addStep(sendMail).start()
    expect(log).toEqual(['begin', 'enlist', 'commit', 'enlisted job committed'])
  })

  it('an enlisted job with the gid of the caller has the barrier that refuses a second one', async () => {
    tm.enlists = true
    const context = database.context(database.begin())
    await stepping.createJob(context, { gid: 'g1' }).addStep(sendMail).start()
    expect(log).toEqual(['begin', 'barrier', 'enlist', 'commit', 'enlisted job committed'])
    const again = database.context(database.begin())
    await expect(
      stepping.createJob(again, { gid: 'g1' }).addStep(sendMail).start(),
    ).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
  })
})
