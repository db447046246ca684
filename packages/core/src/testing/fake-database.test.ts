import { beforeEach, describe, expect, it } from 'vitest'
import { FakeDatabase } from './fake-database.ts'

// The tests of jobs are worth what this fake is: it has to decide as the real databases do.

const key = { gid: 'g1', notAfter: Infinity, identity: 'identity of orders' }
let database: FakeDatabase

beforeEach(() => {
  database = new FakeDatabase({ name: 'orders' })
})

describe('the barrier of the fake database', () => {
  it('is written by a commit', async () => {
    await database.transaction(async (tx) => {
      await database.barrier.insert(database.context(tx), key)
    })
    expect(database.barrierRows.get('g1')).toBe('msg')
  })

  it('goes away with a roll-back', async () => {
    const tx = database.begin()
    await database.barrier.insert(database.context(tx), key)
    database.rollBack(tx)
    expect(database.barrierRows.size).toBe(0)
  })

  it('says committed after the commit, and again', async () => {
    await database.transaction(async (tx) => {
      await database.barrier.insert(database.context(tx), key)
    })
    expect(await database.barrier.resolve(key)).toBe('committed')
    expect(await database.barrier.resolve(key)).toBe('committed')
  })

  it('is written as a roll-back by whoever asks first, and stays so', async () => {
    expect(await database.barrier.resolve(key)).toBe('rolledBack')
    expect(await database.barrier.resolve(key)).toBe('rolledBack')
    expect(database.barrierRows.get('g1')).toBe('rollback')
  })

  it('that was decided as a roll-back refuses a late transaction', async () => {
    await database.barrier.resolve(key)
    const context = database.context(database.begin())
    await expect(database.barrier.insert(context, key)).rejects.toMatchObject({
      code: 'BARRIER_DECIDED',
    })
  })

  it('that was committed refuses a second transaction', async () => {
    await database.transaction(async (tx) => {
      await database.barrier.insert(database.context(tx), key)
    })
    const context = database.context(database.begin())
    await expect(database.barrier.insert(context, key)).rejects.toMatchObject({
      code: 'JOB_DUPLICATE',
    })
  })

  it('that was used without a job refuses a second transaction, and is answered rolled back', async () => {
    await database.transaction(async (tx) => {
      await database.barrier.insert(database.context(tx), key, 'empty')
    })
    expect(await database.barrier.resolve(key)).toBe('rolledBack')
    const context = database.context(database.begin())
    await expect(database.barrier.insert(context, key)).rejects.toMatchObject({
      code: 'JOB_DUPLICATE',
    })
  })

  it('does not guess while the transaction is open', async () => {
    const tx = database.begin()
    await database.barrier.insert(database.context(tx), key)
    await expect(database.barrier.resolve(key)).rejects.toMatchObject({ code: 'BARRIER_UNDECIDED' })
    await database.commit(tx)
    expect(await database.barrier.resolve(key)).toBe('committed')
  })

  it('of an open transaction makes a second one wait for its end', async () => {
    const first = database.begin()
    await database.barrier.insert(database.context(first), key)
    const second = database.begin()
    const inserted = database.barrier.insert(database.context(second), key)
    database.rollBack(first)
    await inserted
    await database.commit(second)
    expect(database.barrierRows.get('g1')).toBe('msg')
  })

  it('is refused in a transaction that is over', async () => {
    const tx = database.begin()
    const context = database.context(tx)
    await database.commit(tx)
    await expect(database.barrier.insert(context, key)).rejects.toMatchObject({
      code: 'TRANSACTION_LOST',
    })
  })

  it('is refused past its window', async () => {
    const late = { ...key, notAfter: Date.now() - 1 }
    const context = database.context(database.begin())
    await expect(database.barrier.insert(context, late)).rejects.toMatchObject({
      code: 'BARRIER_EXPIRED',
    })
  })
})
