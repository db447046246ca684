import { newGid } from '@stepping/core'
import { expect } from 'vitest'
import type { DatabaseCases } from './scene.ts'

/** By what a database is told from another one that has taken its name. */
export function describeIdentities<Tx>(test: DatabaseCases<Tx>): void {
  test('the identity stays, whichever object is asked', async (scene) => {
    const identity = await scene.database.identity()
    expect(await scene.database.identity()).toBe(identity)
    expect(await scene.opened.over({ name: 'another name' }).identity()).toBe(identity)
  })

  test('the identity can be asked through an open transaction', async (scene) => {
    const identity = await scene.database.identity()
    const fresh = scene.opened.over({ name: 'fresh' })
    const asked = await fresh.transaction(async (tx) => await fresh.identity(fresh.context(tx)))
    expect(asked).toBe(identity)
  })

  test('each database has its own, and so have other tables in it', async (scene) => {
    const { database: elsewhere } = await scene.elsewhere()
    const another = await scene.another()
    const identities = await Promise.all(
      [scene.database, elsewhere, another.database].map((database) => database.identity()),
    )
    expect(new Set(identities).size).toBe(3)
  })

  test('a database that took the name of another does not answer for it', async (scene) => {
    const another = await scene.another()
    const key = await scene.newKey()
    await scene.order('stored with the first', key)
    await expect(another.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'DATABASE_CHANGED',
      gid: key.gid,
    })
    expect(await another.opened.probe.barrier(key.gid)).toEqual([])
    expect(await scene.database.barrier.resolve(key)).toBe('committed')
  })

  test('a row is refused by a database with another identity', async (scene) => {
    const key = { ...(await scene.newKey()), identity: newGid() }
    await expect(scene.order('elsewhere', key)).rejects.toMatchObject({
      code: 'DATABASE_CHANGED',
      gid: key.gid,
    })
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
    expect(await scene.has('elsewhere')).toBe(false)
  })
}
