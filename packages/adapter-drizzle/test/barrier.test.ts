import { newGid } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { begin, drivers, newKey, outcomeOf } from './harness.ts'
import type { Harness, Tx } from './harness.ts'
import { orders } from './schema.ts'

describe.each(drivers)('the barrier over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
  })
  afterAll(async () => {
    await h.close()
  })

  async function insert(tx: Tx, key: BarrierKey, reason?: 'msg' | 'empty'): Promise<void> {
    await h.database.barrier.insert(h.database.context(tx), key, reason)
  }

  /** A transaction with an order and a barrier row. */
  async function order(sku: string, key: BarrierKey): Promise<void> {
    await h.database.transaction(async (tx) => {
      await tx.insert(orders).values({ sku })
      await insert(tx, key)
    })
  }

  test('a commit leaves one row, with the values of DTM', async () => {
    const key = await newKey(h.database)
    await order('committed', key)
    expect(await h.barrier(key.gid)).toEqual([
      {
        trans_type: 'msg',
        gid: key.gid,
        branch_id: '00',
        op: 'msg',
        barrier_id: '01',
        reason: 'msg',
      },
    ])
  })

  test('a rollback leaves no row', async () => {
    const key = await newKey(h.database)
    const stop = new Error('stop')
    const rolledBack = h.database.transaction(async (tx) => {
      await insert(tx, key)
      throw stop
    })
    await expect(rolledBack).rejects.toBe(stop)
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('a gid that is committed already is a duplicate', async () => {
    const key = await newKey(h.database)
    await order('first', key)
    await expect(order('second', key)).rejects.toMatchObject({
      code: 'JOB_DUPLICATE',
      gid: key.gid,
    })
    expect(await h.skus()).not.toContain('second')
  })

  test('a gid that was used without a job is a duplicate', async () => {
    const key = await newKey(h.database)
    await h.database.transaction(async (tx) => await insert(tx, key, 'empty'))
    expect(await h.barrier(key.gid)).toMatchObject([{ op: 'msg', reason: 'empty' }])
    await expect(order('used', key)).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid: key.gid })
    expect(await h.skus()).not.toContain('used')
  })

  test('a gid that was used without a job is answered rolled back, again and again', async () => {
    const key = await newKey(h.database)
    await h.database.transaction(async (tx) => await insert(tx, key, 'empty'))
    for (let i = 0; i < 3; i++) expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    expect(await h.barrier(key.gid)).toMatchObject([{ reason: 'empty' }])
  })

  test('a transaction that was decided as rolled back cannot commit any more', async () => {
    const key = await newKey(h.database)
    expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    await expect(order('too late', key)).rejects.toMatchObject({
      code: 'BARRIER_DECIDED',
      gid: key.gid,
    })
    expect(await h.skus()).not.toContain('too late')
    expect(await h.barrier(key.gid)).toMatchObject([{ op: 'msg', reason: 'rollback' }])
  })

  test('every later answer agrees with the first: committed', async () => {
    const key = await newKey(h.database)
    await order('asked thrice', key)
    for (let i = 0; i < 3; i++) expect(await h.database.barrier.resolve(key)).toBe('committed')
  })

  test('every later answer agrees with the first: rolled back', async () => {
    const key = await newKey(h.database)
    for (let i = 0; i < 3; i++) expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    expect(await h.barrier(key.gid)).toHaveLength(1)
  })

  test('fifty who ask at once while the transaction is made agree with it', async () => {
    for (let round = 0; round < 3; round++) {
      const key = await newKey(h.database)
      const sku = `raced ${round}`
      const [ordered, ...answers] = await Promise.all([
        order(sku, key).then(
          () => 'committed',
          () => 'rolledBack',
        ),
        ...Array.from({ length: 50 }, () => outcomeOf(h.database, key)),
      ])
      expect(new Set(answers)).toEqual(new Set([ordered]))
      expect((await h.skus()).includes(sku)).toBe(ordered === 'committed')
    }
  })

  test('while the transaction is open nothing is decided, and the asker is told soon', async () => {
    const key = await newKey(h.database)
    const open = await begin(h.database)
    await insert(open.tx, key)
    const asked = performance.now()
    await expect(h.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_UNDECIDED',
      gid: key.gid,
    })
    const limit = h.database.limits.parallelTransactions === undefined ? 1_000 : 3_000
    expect(performance.now() - asked).toBeLessThan(limit)
    await open.commit()
    expect(await h.database.barrier.resolve(key)).toBe('committed')
  })

  test('after the rollback of a transaction that was asked about while open, it is rolled back', async () => {
    const key = await newKey(h.database)
    const open = await begin(h.database)
    await insert(open.tx, key)
    await expect(h.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_UNDECIDED',
    })
    await open.rollback()
    expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
  })

  test('a schema of the user is used for the insert and for the answer', async () => {
    const custom = h.over({ name: 'custom', schema: 'custom_1' })
    await custom.migrate()
    const key = await newKey(custom)
    await custom.transaction(async (tx) => {
      await custom.barrier.insert(custom.context(tx), key)
    })
    expect(await custom.barrier.resolve(key)).toBe('committed')
    expect(await h.query('select gid from custom_1.barrier')).toEqual([{ gid: key.gid }])
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('gids that differ in their 128th character only are two', async () => {
    const long = 'g'.repeat(127)
    const first = { ...(await newKey(h.database)), gid: `${long}1` }
    const second = { ...first, gid: `${long}2` }
    await order('long 1', first)
    await order('long 2', second)
    expect(await h.barrier(first.gid)).toMatchObject([{ gid: first.gid, reason: 'msg' }])
    expect(await h.barrier(second.gid)).toMatchObject([{ gid: second.gid, reason: 'msg' }])
  })

  test('a row that comes too late is refused, and so is the transaction', async () => {
    const key = { ...(await newKey(h.database)), notAfter: Date.now() - 1_000 }
    await expect(order('expired', key)).rejects.toMatchObject({
      code: 'BARRIER_EXPIRED',
      gid: key.gid,
    })
    expect(await h.barrier(key.gid)).toEqual([])
    expect(await h.skus()).not.toContain('expired')
  })

  test('a question that comes too late is not answered', async () => {
    const key = { ...(await newKey(h.database)), notAfter: Date.now() - 1_000 }
    await expect(h.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_EXPIRED',
      gid: key.gid,
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('a row is refused by a database with another identity', async () => {
    const key = { ...(await newKey(h.database)), identity: 'another' }
    const wrong = h.database.transaction(async (tx) => {
      await h.database.barrier.insert(h.database.context(tx), key)
    })
    await expect(wrong).rejects.toMatchObject({ code: 'DATABASE_CHANGED', gid: key.gid })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('a database with another identity does not answer', async () => {
    const key = { ...(await newKey(h.database)), identity: newGid() }
    await expect(h.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'DATABASE_CHANGED',
      gid: key.gid,
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })
})

describe.each(drivers)('the barrier over one connection of $name', (driver) => {
  test('a question that got no connection in time decides nothing later', async () => {
    const h = await driver.open({ max: 1 })
    onTestFinished(() => h.close())
    const key = await newKey(h.database)
    const open = await begin(h.database)
    await expect(h.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_UNDECIDED',
    })
    await open.commit()
    // Queues behind what is left of the question.
    await h.database.transaction(async () => {})
    expect(await h.barrier(key.gid)).toEqual([])
  })
})
