import { beforeEach, describe, expect, it } from 'vitest'
import type { JobSteps } from './job.ts'
import type { Stepping } from './stepping.ts'
import { fakeApp, sendMail, shipOrder } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

let log: string[]
let tm: FakeTransactionManager
let database: FakeDatabase
let stepping: Stepping
let jobs: JobSteps[]

async function work(_tx: unknown, job: JobSteps): Promise<number> {
  jobs.push(job.addStep(sendMail))
  return jobs.length
}

beforeEach(() => {
  log = []
  jobs = []
  tm = new FakeTransactionManager(log)
  database = new FakeDatabase({ name: 'orders' }, log)
  database.runsAgain = 1
  ;({ stepping } = fakeApp({ log, tm, databases: [database] }))
})

describe('a callback that the library runs again', () => {
  it('gets a fresh job', async () => {
    expect(await stepping.transaction(database, work)).toBe(2)
    expect(jobs[0]?.gid).not.toBe(jobs[1]?.gid)
  })

  it('has only the job of its last run submitted', async () => {
    await stepping.transaction(database, work)
    expect(tm.jobsBy('submit').map(({ gid }) => gid)).toEqual([jobs[1]?.gid])
    expect(tm.jobsBy('submit')[0]?.steps).toHaveLength(1)
  })

  it('may not use the job of an earlier run any more', async () => {
    await stepping.transaction(database, work)
    expect(() => jobs[0]?.addStep(sendMail)).toThrow(
      expect.objectContaining({ code: 'JOB_ABANDONED', gid: jobs[0]?.gid }),
    )
  })

  it('has the job of the earlier run dropped once its barrier says that it rolled back', async () => {
    await stepping.transaction(database, work)
    await stepping.close()
    expect(tm.jobsBy('abort').map(({ gid }) => gid)).toEqual([jobs[0]?.gid])
    expect(database.barrierRows.get(jobs[0]!.gid)).toBe('rollback')
  })

  it('has the job of the earlier run given up where it was enlisted', async () => {
    tm.enlists = true
    await stepping.transaction(database, work)
    expect(log).toEqual([
      'begin',
      'enlist',
      'rollback',
      'begin',
      'enlisted job not committed',
      'enlist',
      'commit',
      'enlisted job committed',
    ])
  })

  it('has the job of the earlier run given up also with the gid of the caller', async () => {
    tm.enlists = true
    await stepping.transaction(database, work, { gid: 'message-1' })
    expect(log.filter((each) => each.startsWith('enlisted'))).toEqual([
      'enlisted job not committed',
      'enlisted job committed',
    ])
  })

  it('may bind the gid of the caller in every run', async () => {
    const gid = 'message-1'
    expect(await stepping.transaction(database, work, { gid })).toBe(2)
    await stepping.close()
    expect(database.barrierRows).toEqual(new Map([[gid, 'msg']]))
    expect(tm.jobsBy('submit').map((job) => job.gid)).toEqual([gid])
    expect(tm.jobsBy('abort')).toEqual([])
  })

  it('may add other steps in another run', async () => {
    await stepping.transaction(database, async (_tx, job) => {
      jobs.push(job)
      if (jobs.length === 1) job.addStep(sendMail)
      else job.addStep(shipOrder, { orderId: '1' })
    })
    expect(tm.jobsBy('submit').map(({ steps }) => steps)).toEqual([
      [{ name: 'ShipOrder', args: '{"orderId":"1"}' }],
    ])
  })

  it('may add no steps in its last run: nothing is submitted', async () => {
    await stepping.transaction(database, async (_tx, job) => {
      jobs.push(job)
      if (jobs.length === 1) job.addStep(sendMail)
    })
    await stepping.close()
    expect(tm.jobsBy('submit')).toEqual([])
  })

  it('may add no steps in its last run: the gid of the caller is used up by that', async () => {
    await stepping.transaction(
      database,
      async (_tx, job) => {
        jobs.push(job)
        if (jobs.length === 1) job.addStep(sendMail)
      },
      { gid: 'message-1' },
    )
    await stepping.close()
    expect(database.barrierRows).toEqual(new Map([['message-1', 'empty']]))
    expect(tm.jobsBy('submit')).toEqual([])
  })

  it('has nothing submitted when its last run throws', async () => {
    const mine = new Error('out of stock')
    const done = stepping.transaction(database, async (_tx, job) => {
      jobs.push(job.addStep(sendMail))
      if (jobs.length === 2) throw mine
    })
    await expect(done).rejects.toBe(mine)
    await stepping.close()
    expect(tm.jobsBy('submit')).toEqual([])
  })
})
