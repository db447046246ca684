import { barrierRetentionMs } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import { expect } from 'vitest'
import { stop } from './scene.ts'
import type { DatabaseCases, Scene } from './scene.ts'

/** A gid of the caller's that a transaction without steps uses up: the row of reason `empty`. */
export function describeUsedGids<Tx>(test: DatabaseCases<Tx>): void {
  test('is a duplicate, with a job or without, whose rows are not committed', async (scene) => {
    const key = await scene.newKey()
    await useUp(scene, 'used', key)
    const duplicate = { code: 'JOB_DUPLICATE', gid: key.gid }
    await expect(scene.order('used with a job', key)).rejects.toMatchObject(duplicate)
    await expect(useUp(scene, 'used without', key)).rejects.toMatchObject(duplicate)
    expect(await scene.has('used')).toBe(true)
    expect(await scene.has('used with a job')).toBe(false)
    expect(await scene.has('used without')).toBe(false)
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([{ reason: 'empty' }])
  })

  test('is refused after a job with it has committed', async (scene) => {
    const key = await scene.newKey()
    await scene.order('used by a job', key)
    await expect(useUp(scene, 'used after it', key)).rejects.toMatchObject({
      code: 'JOB_DUPLICATE',
    })
    expect(await scene.database.barrier.resolve(key)).toBe('committed')
  })

  test('is answered rolled back, every time: what was prepared under it did not commit', async (scene) => {
    const key = await scene.newKey()
    await useUp(scene, 'used and asked', key)
    for (let i = 0; i < 3; i++) expect(await scene.database.barrier.resolve(key)).toBe('rolledBack')
    expect(await scene.opened.probe.barrier(key.gid)).toMatchObject([{ reason: 'empty' }])
  })

  test('is free again after a rollback', async (scene) => {
    const key = await scene.newKey()
    const rolledBack = scene.database.transaction(async (tx) => {
      await scene.insert(tx, key, { reason: 'empty' })
      throw stop
    })
    await expect(rolledBack).rejects.toBe(stop)
    await scene.order('not used', key)
    expect(await scene.has('not used')).toBe(true)
  })

  test('goes when it is old, and not before, though no store knows such a job', async (scene) => {
    const { database, tables } = await scene.elsewhere()
    const { probe } = scene.opened
    const key = await scene.newKey(database)
    await database.transaction((tx) => scene.insert(tx, key, { database, reason: 'empty' }))
    const pruned = async (): Promise<number> =>
      await database.prune({ owners: ['shop'], over: nobody, active: nobody })
    await probe.age(barrierRetentionMs - 3_600_000, tables)
    expect(await pruned()).toBe(0)
    await probe.age(7_200_000, tables)
    expect(await pruned()).toBe(1)
    expect(await probe.barrier(key.gid, tables)).toEqual([])
  })
}

async function nobody(): Promise<ReadonlySet<string>> {
  return new Set()
}

/** A transaction with a row of the user's, without steps. */
async function useUp<Tx>(scene: Scene<Tx>, text: string, key: BarrierKey): Promise<void> {
  await scene.database.transaction(async (tx) => {
    await scene.opened.write(tx, text)
    await scene.insert(tx, key, { reason: 'empty' })
  })
}
