import { beforeEach, describe, expect, it, vi } from 'vitest'
import { SteppingError } from './errors.ts'
import type { SteppingEvent } from './event.ts'
import type { JobSteps } from './job.ts'
import type { Stepping } from './stepping.ts'
import { fakeApp, sendMail, shipOrder, work } from './testing/fake-app.ts'
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

describe('a transaction with steps', () => {
  it('is prepared, gets its barrier, is committed and submitted, in this order', async () => {
    await stepping.transaction(database, async (tx, job) => {
      tx.insert('order 1')
      job.addStep(sendMail)
    })
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'submit'])
    expect(database.rows).toEqual(['order 1'])
  })

  it('has its barrier row as the last statement, which its COMMIT may take along', async () => {
    const insert = vi.spyOn(database.barrier, 'insert')
    await stepping.transaction(database, async (_tx, job) => void job.addStep(sendMail))
    expect(insert.mock.lastCall?.slice(2)).toEqual(['msg', true])
  })

  it('has a barrier row with a gid of the caller before the prepare, and not last', async () => {
    const insert = vi.spyOn(database.barrier, 'insert')
    const options = { gid: 'message-1' }
    await stepping.transaction(database, async (_tx, job) => void job.addStep(sendMail), options)
    expect(insert.mock.lastCall?.slice(2)).toEqual(['msg', false])
    expect(log).toEqual(['begin', 'barrier', 'prepare', 'commit', 'submit'])
  })

  it('resolves with what the callback returned', async () => {
    const value = await stepping.transaction(database, async (_tx, job) => {
      job.addStep(sendMail)
      return { id: 4711 }
    })
    expect(value).toEqual({ id: 4711 })
  })

  it('sends its steps and the identity of its database, the same at prepare and submit', async () => {
    await stepping.transaction(database, async (_tx, job) => {
      job.addStep(shipOrder, { orderId: '1' }).addStep(sendMail)
    })
    expect(tm.jobsBy('submit')[0]).toBe(tm.jobsBy('prepare')[0])
    expect(tm.jobsBy('submit')[0]).toMatchObject({
      steps: [{ name: 'ShipOrder', args: '{"orderId":"1"}' }, { name: 'SendMail' }],
      database: { name: 'orders', identity: 'identity of orders' },
      byHand: false,
    })
  })

  it("hands the library's own options on", async () => {
    const options = { isolation: 'serializable' } as const
    await stepping.transaction(database, async () => {}, { database: options })
    expect(database.openedWith).toEqual([options])
  })

  it('that is enlisted needs neither prepare nor barrier nor submit', async () => {
    tm.enlists = true
    await stepping.transaction(database, async (_tx, job) => {
      job.addStep(sendMail)
    })
    expect(log).toEqual(['begin', 'enlist', 'commit', 'enlisted job committed'])
  })

  it('tells an enlisted job when nobody confirmed the commit', async () => {
    tm.enlists = true
    database.nextCommit = 'unproven'
    await stepping.transaction(database, work)
    expect(log.at(-1)).toBe('enlisted job committed unproven')
  })
})

describe('a transaction without steps', () => {
  it('is a plain transaction', async () => {
    const value = await stepping.transaction(database, async (tx) => {
      tx.insert('order 1')
      return 1
    })
    expect(value).toBe(1)
    expect(log).toEqual(['begin', 'commit'])
    expect(database.rows).toEqual(['order 1'])
  })
})

describe('a step that is added after the callback ended', () => {
  it('is refused, although the job has no other: it would be lost', async () => {
    const jobs: JobSteps[] = []
    await stepping.transaction(database, async (_tx, job) => {
      jobs.push(job)
    })
    expect(() => jobs[0]?.addStep(sendMail)).toThrow(
      expect.objectContaining({
        code: 'JOB_FROZEN',
        message: expect.stringMatching(/after the callback .* Await everything/),
      }),
    )
  })

  it('is refused while the job is being prepared', async () => {
    const { reached, letGo } = tm.faults.holdNext('prepare')
    const jobs: JobSteps[] = []
    const done = stepping.transaction(database, async (_tx, job) => {
      jobs.push(job.addStep(sendMail))
    })
    await reached
    expect(() => jobs[0]?.addStep(sendMail)).toThrow(
      expect.objectContaining({ code: 'JOB_FROZEN' }),
    )
    letGo()
    await done
  })
})

describe('a callback that throws', () => {
  it('has its error passed on unchanged, rolls back and sends nothing', async () => {
    const mine = new Error('out of stock')
    const done = stepping.transaction(database, async (tx, job) => {
      tx.insert('order 1')
      job.addStep(sendMail)
      throw mine
    })
    await expect(done).rejects.toBe(mine)
    expect(log).toEqual(['begin', 'rollback'])
    expect(database.rows).toEqual([])
  })

  it('leaves its gid free for another try', async () => {
    const gid = 'message-1'
    const failed = stepping.transaction(
      database,
      async (_tx, job) => {
        job.addStep(sendMail)
        throw new Error('out of stock')
      },
      { gid },
    )
    await expect(failed).rejects.toThrow('out of stock')
    await stepping.transaction(database, work, { gid })
    expect(tm.jobsBy('submit').map((job) => job.gid)).toEqual([gid])
  })

  it('does not let its job be used later', async () => {
    const add: (() => void)[] = []
    const done = stepping.transaction(database, async (_tx, job) => {
      add.push(() => job.addStep(sendMail))
      throw new Error('out of stock')
    })
    await expect(done).rejects.toThrow('out of stock')
    expect(add[0]).toThrow(expect.objectContaining({ code: 'JOB_FROZEN' }))
  })
})

describe('what fails before the commit', () => {
  it.each([
    ['the prepare', (error: Error) => tm.faults.failNext('prepare', error), ['prepare']],
    [
      'the barrier',
      (error: Error) => database.faults.failNext('barrier', error),
      ['prepare', 'barrier'],
    ],
    ['the transaction', (error: Error) => database.faults.failNext('assertUsable', error), []],
  ])('is %s: it rolls back, and nothing follows', async (_name, fail, sent) => {
    const error = new Error('connection lost')
    fail(error)
    const done = stepping.transaction(database, async (tx, job) => {
      tx.insert('order 1')
      job.addStep(sendMail)
    })
    await expect(done).rejects.toBe(error)
    await stepping.close()
    expect(log).toEqual(['begin', ...sent, 'rollback', 'close'])
    expect(database.rows).toEqual([])
  })

  it('is a missing schema: no transaction is opened for it', async () => {
    const missing = new Error('not migrated')
    database.faults.failNext('identity', missing)
    await expect(stepping.transaction(database, async () => {})).rejects.toBe(missing)
    expect(log).toEqual([])
  })

  it('is a gid that was decided as rolled back: the rows are not committed', async () => {
    database.barrierRows.set('message-1', 'rollback')
    const done = stepping.transaction(
      database,
      async (tx, job) => {
        tx.insert('payment')
        job.addStep(sendMail)
      },
      { gid: 'message-1' },
    )
    await expect(done).rejects.toMatchObject({ code: 'BARRIER_DECIDED' })
    expect(database.rows).toEqual([])
    expect(tm.jobsBy('submit')).toEqual([])
  })
})

describe('a rejected commit', () => {
  it('drops the job, but only after the barrier said that it was rolled back', async () => {
    database.nextCommit = 'refused'
    await expect(stepping.transaction(database, work)).rejects.toThrow('could not serialize access')
    await stepping.close()
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'abort', 'close'])
  })

  it('is left to query prepared when the barrier does not answer', async () => {
    database.nextCommit = 'refused'
    database.faults.failNext('resolve', new Error('connection lost'))
    await expect(stepping.transaction(database, work)).rejects.toThrow('could not serialize access')
    await stepping.close()
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'close'])
  })

  it('of an enlisted job tells that job', async () => {
    tm.enlists = true
    database.nextCommit = 'refused'
    await expect(stepping.transaction(database, work)).rejects.toThrow('could not serialize access')
    expect(log.at(-1)).toBe('enlisted job not committed')
  })

  it('with an unknown outcome carries the gid to look for', async () => {
    database.nextCommit = 'reply lost'
    const done = stepping.transaction(database, work)
    await expect(done).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    const { gid } = tm.jobsBy('prepare')[0]!
    await expect(done).rejects.toMatchObject({ gid, message: expect.stringContaining(gid) })
  })

  it('of which only the reply was lost has the job submitted', async () => {
    database.nextCommit = 'reply lost'
    await expect(stepping.transaction(database, work)).rejects.toThrow(/lost/)
    await stepping.close()
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'submit', 'close'])
  })
})

describe('a transaction that its library ended while the callback goes on', () => {
  it('takes no job any more', async () => {
    const goesOn = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<unknown>()
    const transaction = database.transaction.bind(database)
    database.transaction = async (callback) => {
      void transaction(callback as never).then(ended.resolve, ended.resolve)
      throw new Error('connection lost')
    }
    const lost = stepping.transaction(database, async (_tx, job) => {
      job.addStep(sendMail)
      await goesOn.promise
    })
    await expect(lost).rejects.toThrow('connection lost')
    goesOn.resolve()
    await ended.promise
    expect(tm.jobsBy('prepare')).toEqual([])
  })
})

describe('a commit without proof', () => {
  it('is looked up in the barrier before the submit', async () => {
    database.nextCommit = 'unproven'
    expect(await stepping.transaction(database, work)).toBe('value')
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'submit'])
  })

  it('that was a roll-back rejects, and drops the job', async () => {
    database.nextCommit = 'rolled back unnoticed'
    const done = stepping.transaction(database, work)
    await expect(done).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await expect(done).rejects.toMatchObject({ gid: tm.jobsBy('prepare')[0]?.gid })
    await stepping.close()
    expect(log).toEqual(['begin', 'prepare', 'barrier', 'commit', 'resolve', 'abort', 'close'])
  })

  it('is not called a failure when the barrier does not answer', async () => {
    database.nextCommit = 'unproven'
    const error = new Error('connection lost')
    database.faults.failNext('resolve', error)
    expect(await stepping.transaction(database, work)).toBe('value')
    const { gid } = tm.jobsBy('prepare')[0]!
    expect(events).toEqual([{ type: 'job.submitDeferred', gid, error }])
    expect(tm.jobsBy('submit')).toEqual([])
  })
})

describe('what a job asks of its transaction manager', () => {
  it('reaches it with the job', async () => {
    const options = { kind: 'fake', delayMs: 5_000 }
    await stepping.transaction(database, work, { tm: options })
    expect(tm.jobsBy('prepare')[0]?.options).toBe(options)
  })

  it('is refused when it is for one of another kind', async () => {
    const done = stepping.transaction(database, work, { tm: { kind: 'dtm' } })
    await expect(done).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    expect(log).toEqual(['begin', 'rollback'])
    expect(() => stepping.createJob({ tm: { kind: 'dtm' } })).toThrow('of the kind fake')
  })
})

describe('a submit that fails after the commit', () => {
  it('because the transaction manager gave the job up is an alarm of its own', async () => {
    const error = new SteppingError('JOB_LOST', 'Somebody stopped it.')
    tm.faults.failNext('submit', error)
    expect(await stepping.transaction(database, work)).toBe('value')
    const { gid } = tm.jobsBy('prepare')[0]!
    expect(events).toEqual([{ type: 'job.lost', gid, error }])
  })

  it('is told as an event, and the value is returned', async () => {
    const error = new Error('connect ECONNREFUSED')
    tm.faults.failNext('submit', error)
    const value = await stepping.transaction(database, work)
    const { gid } = tm.jobsBy('prepare')[0]!
    expect(value).toBe('value')
    expect(events).toEqual([{ type: 'job.submitDeferred', gid, error }])
  })
})
