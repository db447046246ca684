import { beforeEach, describe, expect, it } from 'vitest'
import type { Stepping } from './stepping.ts'
import { fakeApp, sendMail, work } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

let log: string[]
let tm: FakeTransactionManager
let database: FakeDatabase
let stepping: Stepping

beforeEach(() => {
  log = []
  tm = new FakeTransactionManager(log)
  database = new FakeDatabase({ name: 'orders' }, log)
  ;({ stepping } = fakeApp({ log, tm, databases: [database] }))
})

describe('a transaction with a step and a gid of the caller', () => {
  it('keeps its gid', async () => {
    const gids: string[] = []
    await stepping.transaction(
      database,
      async (_tx, job) => {
        gids.push(job.addStep(sendMail).gid)
      },
      { gid: 'message-1' },
    )
    expect([...gids, tm.jobsBy('submit')[0]?.gid]).toEqual(['message-1', 'message-1'])
  })

  it('of which the gid was handled already is refused, and its rows are rolled back', async () => {
    const handle = async (): Promise<void> =>
      await stepping.transaction(
        database,
        async (tx, job) => {
          tx.insert('payment')
          job.addStep(sendMail)
        },
        { gid: 'message-1' },
      )
    await handle()
    await expect(handle()).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
    expect(database.rows).toEqual(['payment'])
    expect(tm.jobsBy('submit')).toHaveLength(1)
  })

  it('that is enlisted with the gid of the caller writes the barrier that refuses a second one', async () => {
    tm.enlists = true
    await stepping.transaction(database, work, { gid: 'message-1' })
    expect(database.barrierRows.get('message-1')).toBe('msg')
  })

  it('inserts its barrier first, so that a gid that is used prepares nothing', async () => {
    await stepping.transaction(database, work, { gid: 'message-1' })
    expect(log).toEqual(['begin', 'barrier', 'prepare', 'commit', 'submit'])
  })

  it('rolls back when the prepare fails, and leaves the gid free', async () => {
    const unreachable = new Error('connect ECONNREFUSED')
    tm.faults.failNext('prepare', unreachable)
    const gid = 'message-1'
    await expect(stepping.transaction(database, work, { gid })).rejects.toBe(unreachable)
    expect(database.barrierRows.size).toBe(0)
    expect(await stepping.transaction(database, work, { gid })).toBe('value')
  })
})

describe('a transaction without steps but with a gid of the caller', () => {
  const gid = 'message-1'
  const duplicate = { code: 'JOB_DUPLICATE' }

  /** Handles the message, with a step or without. */
  async function handle(row: string, step = false): Promise<void> {
    await stepping.transaction(
      database,
      async (tx, job) => {
        tx.insert(row)
        if (step) job.addStep(sendMail)
      },
      { gid },
    )
  }

  it('writes down that the gid is used, and tells the transaction manager nothing', async () => {
    await handle('first')
    expect(log).toEqual(['begin', 'barrier', 'commit'])
    expect(database.barrierRows.get(gid)).toBe('empty')
  })

  it.each([
    ['nor has a step', false],
    ['but has a step', true],
  ])('refuses a second one that %s, of which nothing is left', async (_name, step) => {
    await handle('first')
    await expect(handle('second', step)).rejects.toMatchObject(duplicate)
    await stepping.close()
    expect(database.rows).toEqual(['first'])
    expect(tm.sent).toEqual([])
  })

  it('is refused after one that had a step', async () => {
    await handle('first', true)
    await expect(handle('second')).rejects.toMatchObject(duplicate)
    expect(database.rows).toEqual(['first'])
  })

  it('refuses a second one whose job would be stored with it', async () => {
    tm.enlists = true
    await handle('first')
    await expect(handle('second', true)).rejects.toMatchObject(duplicate)
    expect(tm.sent).toEqual([])
  })

  it('waits for another one that is open, and is refused when that commits', async () => {
    const tx = database.begin()
    const key = { gid, notAfter: Infinity, identity: 'identity of orders' }
    await database.barrier.insert(database.context(tx), key)
    const second = handle('second')
    await database.commit(tx)
    await expect(second).rejects.toMatchObject(duplicate)
  })

  it('leaves its gid free when it rolls back', async () => {
    database.nextCommit = 'refused'
    await expect(handle('first')).rejects.toThrow('could not serialize access')
    await handle('second')
    expect(database.rows).toEqual(['second'])
  })

  it('drops what an earlier one prepared that did not commit', async () => {
    database.nextCommit = 'refused'
    database.faults.failNext('resolve', new Error('connection lost'))
    await expect(handle('first', true)).rejects.toThrow('could not serialize access')
    const [job] = tm.jobsBy('prepare')
    await handle('second')
    const key = { gid, notAfter: Infinity, identity: job!.database!.identity }
    expect(await database.barrier.resolve(key)).toBe('rolledBack')
  })

  it('is refused once its gid was decided as rolled back', async () => {
    database.barrierRows.set(gid, 'rollback')
    await expect(handle('late')).rejects.toMatchObject({ code: 'BARRIER_DECIDED' })
    expect(database.rows).toEqual([])
  })

  it('is refused in a transaction that is not usable', async () => {
    const unusable = new Error('not usable')
    database.faults.failNext('assertUsable', unusable)
    await expect(handle('first')).rejects.toBe(unusable)
    expect(log).toEqual(['begin', 'rollback'])
  })
})
