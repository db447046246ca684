import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { expectAgreement, stop } from './scene.ts'
import type { DatabaseCases } from './scene.ts'

/** Whether a transaction and its barrier row have one fate. */
export function describeOutcomes<Tx>(test: DatabaseCases<Tx>): void {
  test('a commit leaves one row, with the values of DTM', async (scene) => {
    const key = await scene.newKey()
    await scene.order('committed', key)
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([
      {
        trans_type: 'msg',
        gid: key.gid,
        branch_id: '00',
        op: 'msg',
        barrier_id: '01',
        reason: 'msg',
      },
    ])
    expect(await scene.has('committed')).toBe(true)
  })

  test('a rollback leaves no row', async (scene) => {
    const key = await scene.newKey()
    const rolledBack = scene.database.transaction(async (tx) => {
      await scene.opened.write(tx, 'rolled back')
      await scene.insert(tx, key)
      throw stop
    })
    await expect(rolledBack).rejects.toBe(stop)
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
    expect(await scene.has('rolled back')).toBe(false)
  })

  test('a gid that is committed already is a duplicate, whose rows are not committed', async (scene) => {
    const key = await scene.newKey()
    await scene.order('first', key)
    await expect(scene.order('second', key)).rejects.toMatchObject({
      code: 'JOB_DUPLICATE',
      gid: key.gid,
    })
    expect(await scene.has('second')).toBe(false)
    expect(await scene.opened.probe.barrier(key.gid)).toHaveLength(1)
  })

  test('a gid twice in one transaction is a duplicate', async (scene) => {
    const key = await scene.newKey()
    const twice = scene.database.transaction(async (tx) => {
      await scene.opened.write(tx, 'twice')
      await scene.insert(tx, key)
      await scene.insert(tx, key)
    })
    await expect(twice).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid: key.gid })
    expect(await scene.has('twice')).toBe(false)
  })

  test('two gids in one transaction are both committed', async (scene) => {
    const [first, second] = [await scene.newKey(), await scene.newKey()]
    await scene.database.transaction(async (tx) => {
      await scene.insert(tx, first)
      await scene.insert(tx, second)
    })
    expect(await scene.database.barrier.resolve(first)).toBe('committed')
    expect(await scene.database.barrier.resolve(second)).toBe('committed')
  })

  test('decided as rolled back, a late transaction cannot commit, and its rows are gone', async (scene) => {
    const key = await scene.newKey()
    expect(await scene.database.barrier.resolve(key)).toBe('rolledBack')
    await expect(scene.order('too late', key)).rejects.toMatchObject({
      code: 'BARRIER_DECIDED',
      gid: key.gid,
    })
    expect(await scene.has('too late')).toBe(false)
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([
      { trans_type: 'msg', branch_id: '00', op: 'msg', barrier_id: '01', reason: 'rollback' },
    ])
  })

  test('committed first, every answer says so', async (scene) => {
    const key = await scene.newKey()
    await scene.order('asked thrice', key)
    for (let i = 0; i < 3; i++) {
      expect(await scene.database.barrier.resolve(key)).toBe('committed')
    }
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([{ reason: 'msg' }])
  })

  test('rolled back, every answer says so', async (scene) => {
    const key = await scene.newKey()
    const rolledBack = scene.database.transaction(async (tx) => {
      await scene.insert(tx, key)
      throw stop
    })
    await expect(rolledBack).rejects.toBe(stop)
    for (let i = 0; i < 3; i++) {
      expect(await scene.database.barrier.resolve(key)).toBe('rolledBack')
    }
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([{ reason: 'rollback' }])
  })

  test('fifty who ask at once while the transaction is made agree with it', async (scene) => {
    for (let round = 0; round < 3; round++) await expectAgreement(scene, `raced ${round}`)
  })

  test('of eight transactions with one gid at once, one commits', async (scene) => {
    const parallel = scene.database.limits.parallelTransactions === undefined
    for (let round = 0; round < 3; round++) {
      const key = await scene.newKey()
      const texts = Array.from({ length: 8 }, (_, i) => `round ${round}, raced by ${i}`)
      const open = new Set<string>()
      const allOpen = Promise.withResolvers<void>()
      const ended = await Promise.allSettled(
        texts.map(async (text) => {
          await scene.database.transaction(async (tx) => {
            await scene.opened.write(tx, text)
            if (open.add(text).size === texts.length) allOpen.resolve()
            if (parallel) await allOpen.promise
            await scene.insert(tx, key)
            // The others' inserts arrive meanwhile, also on a busy server.
            await delay(50)
          })
        }),
      )
      expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const rows = await scene.opened.probe.rows()
      expect(rows.filter((row) => texts.includes(row))).toHaveLength(1)
      expect(await scene.opened.probe.barrier(key.gid)).toHaveLength(1)
    }
  })

  test('gids that differ in their 128th character only are two', async (scene) => {
    const long = 'g'.repeat(127)
    const first = { ...(await scene.newKey()), gid: `${long}1` }
    const second = { ...first, gid: `${long}2` }
    await scene.order('long 1', first)
    await scene.order('long 2', second)
    for (const { gid } of [first, second]) {
      expect(await scene.opened.probe.barrier(gid)).toMatchObject([{ gid, reason: 'msg' }])
    }
  })

  test('a row that comes too late is refused, and so is its transaction', async (scene) => {
    const key = { ...(await scene.newKey()), notAfter: Date.now() - 60_000 }
    await expect(scene.order('expired', key)).rejects.toMatchObject({
      code: 'BARRIER_EXPIRED',
      gid: key.gid,
    })
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
    expect(await scene.has('expired')).toBe(false)
  })

  test('a question that comes too late is not answered', async (scene) => {
    const key = { ...(await scene.newKey()), notAfter: Date.now() - 60_000 }
    await expect(scene.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_EXPIRED',
      gid: key.gid,
    })
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })
}
