import { newGid } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import { expect } from 'vitest'
import { expectAgreement, stop } from './scene.ts'
import type { DatabaseCases, Scene } from './scene.ts'

/** A barrier row as the engine writes it in a transaction of its own: it may be sent along with the COMMIT. */
export function describeLastRows<Tx>(test: DatabaseCases<Tx>): void {
  test('commits with its transaction, with the values of DTM', async (scene) => {
    const key = await scene.newKey()
    await order(scene, 'written last', key)
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([
      { trans_type: 'msg', branch_id: '00', op: 'msg', barrier_id: '01', reason: 'msg' },
    ])
    expect(await scene.has('written last')).toBe(true)
  })

  test('goes with a transaction that is rolled back', async (scene) => {
    const key = await scene.newKey()
    const rolledBack = scene.database.transaction(async (tx) => {
      await scene.insert(tx, key, { last: true })
      throw stop
    })
    await expect(rolledBack).rejects.toBe(stop)
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })

  test('does not commit a gid that is committed already', async (scene) => {
    const key = await scene.newKey()
    await scene.order('the first of two', key)
    await expectRefused(scene, key, 'JOB_DUPLICATE')
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([{ op: 'msg', reason: 'msg' }])
  })

  test('does not commit what was decided as rolled back', async (scene) => {
    const key = await scene.newKey()
    expect(await scene.database.barrier.resolve(key)).toBe('rolledBack')
    await expectRefused(scene, key, 'BARRIER_DECIDED')
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([
      { branch_id: '00', op: 'msg', reason: 'rollback' },
    ])
  })

  test('does not commit too late', async (scene) => {
    const key = { ...(await scene.newKey()), notAfter: Date.now() - 60_000 }
    await expectRefused(scene, key, 'BARRIER_EXPIRED')
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })

  test('does not commit in a database with another identity', async (scene) => {
    const key = { ...(await scene.newKey()), identity: newGid() }
    await expectRefused(scene, key, 'DATABASE_CHANGED')
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })

  test('does not commit a gid that was used up without a job', async (scene) => {
    const key = await scene.newKey()
    await order(scene, 'used up', key, 'empty')
    await expectRefused(scene, key, 'JOB_DUPLICATE')
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([{ reason: 'empty' }])
  })

  test('agrees with fifty who ask at once', async (scene) => {
    for (let round = 0; round < 3; round++) {
      await expectAgreement(scene, `last, raced ${round}`, { last: true })
    }
  })

  for (const end of ['commit', 'rollback'] as const) {
    const fate = end === 'commit' ? 'refused' : 'committed'
    test(
      `waits for a transaction that holds its gid, and after its ${end} is ${fate}`,
      ['parallelTransactions'],
      async (scene) => {
        const key = await scene.newKey()
        const first = await scene.hold()
        await scene.insert(first.tx, key)
        const text = `last after ${end}`
        const second = order(scene, text, key).then(
          () => 'committed',
          (error: { code?: unknown }) => error.code,
        )
        // A trip to the server and back, on which the second one's insert overtakes.
        await scene.opened.read(first.tx)
        await first[end]()
        expect(await second).toBe(end === 'commit' ? 'JOB_DUPLICATE' : 'committed')
        expect(await scene.has(text)).toBe(end === 'rollback')
      },
    )
  }
}

async function order<Tx>(
  scene: Scene<Tx>,
  text: string,
  key: BarrierKey,
  reason?: 'empty',
): Promise<void> {
  await scene.order(text, key, { last: true, ...(reason && { reason }) })
}

async function expectRefused<Tx>(scene: Scene<Tx>, key: BarrierKey, code: string): Promise<void> {
  const text = `refused: ${code} ${key.gid}`
  await expect(order(scene, text, key)).rejects.toMatchObject({ code, gid: key.gid })
  expect(await scene.has(text)).toBe(false)
}
