import { barrierRetentionMs, onceRetentionMs } from '@stepping/core'
import type { Database, OnceKey } from '@stepping/core'
import { expect } from 'vitest'
import { stop } from './scene.ts'
import type { DatabaseCases, Scene } from './scene.ts'

const hourMs = 3_600_000

/** A row that is cleaned too early answers wrongly later: "rolled back" for what was committed. */
export function describePruning<Tx>(test: DatabaseCases<Tx>): void {
  test('a commit goes when it is old and its job is known to be over, and not before', async (scene) => {
    const { database, pruned, left, age } = await tablesOf(scene)
    const [over, prepared] = [await committed(scene, database), await committed(scene, database)]
    await age(barrierRetentionMs - hourMs)
    expect(await pruned({ over: [over] })).toBe(0)
    await age(2 * hourMs)
    expect(await pruned({ over: [over] })).toBe(1)
    await age(100 * barrierRetentionMs)
    expect(await pruned({ over: [over] })).toBe(0)
    expect([await left(over), await left(prepared)]).toEqual([0, 1])
  })

  test('a roll-back goes when it is old, and not before', async (scene) => {
    const { database, pruned, left, age } = await tablesOf(scene)
    const key = await scene.newKey(database)
    await database.barrier.resolve(key)
    await age(barrierRetentionMs - hourMs)
    expect(await pruned()).toBe(0)
    await age(2 * hourMs)
    expect(await pruned()).toBe(1)
    expect(await left(key.gid)).toBe(0)
  })

  test('a question about an old commit does not make it go', async (scene) => {
    const { database, pruned, left, age } = await tablesOf(scene)
    const key = await scene.newKey(database)
    await database.transaction((tx) => scene.insert(tx, key, { database }))
    await age(2 * barrierRetentionMs)
    expect(await database.barrier.resolve(key)).toBe('committed')
    expect(await pruned()).toBe(0)
    expect(await left(key.gid)).toBe(1)
  })

  test('more than a thousand old rows all go, and the young ones after them stay', async (scene) => {
    const { database, pruned, left, age } = await tablesOf(scene)
    const key = await scene.newKey(database)
    const old = Array.from({ length: 1_050 }, (_, i) => `old-${i}`)
    const commit = async (gids: readonly string[]): Promise<void> =>
      await database.transaction(async (tx) => {
        const context = database.context(tx)
        await context.assertUsable()
        for (const gid of gids) await database.barrier.insert(context, { ...key, gid })
      })
    if (database.limits.parallelTransactions) await commit(old)
    // On a busy machine a thousand trips one after another take longer than a test may.
    else
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => commit(old.slice(105 * i, 105 * (i + 1)))),
      )
    await age(barrierRetentionMs + hourMs)
    const young = await committed(scene, database)
    const over = [...old.filter((_, i) => i % 3 > 0), young]
    expect(await pruned({ over })).toBe(over.length - 1)
    expect([await left(old[0]!), await left(old[1]!), await left(young)]).toEqual([1, 0, 1])
  })

  test('the window of a once row begins when its job is seen to be over', async (scene) => {
    const { database, pruned, once, age } = await tablesOf(scene)
    const gid = await taken(scene, database, 'shop')
    await age(100 * onceRetentionMs)
    expect(await pruned({ active: [gid] })).toBe(0)
    expect(await once(gid)).toMatchObject([{ over: false }])
    expect(await pruned()).toBe(0)
    expect(await once(gid)).toMatchObject([{ over: true }])
    await age(onceRetentionMs - hourMs / 2)
    expect(await pruned()).toBe(0)
    await age(hourMs)
    expect(await pruned()).toBe(1)
    expect(await once(gid)).toEqual([])
  })

  test('the once rows of another owner, whose jobs are not known here, stay', async (scene) => {
    const { database, pruned, once, age } = await tablesOf(scene)
    const gid = await taken(scene, database, 'another')
    expect(await pruned()).toBe(0)
    await age(100 * onceRetentionMs)
    expect(await pruned()).toBe(0)
    expect(await once(gid)).toMatchObject([{ owner: 'another', over: false }])
  })

  test('a once row of this owner goes though another owner has the gid too', async (scene) => {
    const { database, pruned, once, age } = await tablesOf(scene)
    const gid = await taken(scene, database, 'shop')
    await taken(scene, database, 'another', gid)
    await pruned()
    await age(onceRetentionMs + hourMs)
    expect(await pruned()).toBe(1)
    expect(await once(gid)).toMatchObject([{ owner: 'another', over: false }])
  })

  test('the once rows of each owner go', async (scene) => {
    const { database, pruned, once, age } = await tablesOf(scene)
    const gid = await taken(scene, database, 'shop')
    await taken(scene, database, 'shop/caller', gid)
    await pruned()
    await age(onceRetentionMs + hourMs)
    expect(await pruned()).toBe(2)
    expect(await once(gid)).toEqual([])
  })

  test('an open transaction is not waited for', ['parallelTransactions'], async (scene) => {
    const { database, pruned, age } = await tablesOf(scene)
    const gid = await committed(scene, database)
    await age(barrierRetentionMs + hourMs)
    const key = await scene.newKey(database)
    const open = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const transaction = database.transaction(async (tx) => {
      await scene.insert(tx, key, { database })
      open.resolve()
      await end.promise
      throw stop
    })
    await open.promise
    expect(await pruned({ over: [gid] })).toBe(1)
    end.resolve()
    await expect(transaction).rejects.toBe(stop)
  })
}

interface Known {
  readonly over?: readonly string[]
  readonly active?: readonly string[]
}

/** Tables of the case's own, cleaned as by a transaction manager that knows these jobs. */
async function tablesOf<Tx>(scene: Scene<Tx>) {
  const { database, tables } = await scene.elsewhere()
  const { probe } = scene.opened
  return {
    database,
    pruned: async ({ over = [], active = [] }: Known = {}): Promise<number> =>
      await database.prune({
        owners: ['shop', 'shop/caller'],
        over: async (gids) => among(over, gids),
        active: async (gids) => among(active, gids),
      }),
    left: async (gid: string): Promise<number> => (await probe.barrier(gid, tables)).length,
    once: async (gid: string): Promise<readonly unknown[]> => await probe.once(gid, tables),
    age: async (ms: number): Promise<void> => void (await probe.age(ms, tables)),
  }
}

function among(known: readonly string[], gids: readonly string[]): ReadonlySet<string> {
  return new Set(gids.filter((gid) => known.includes(gid)))
}

async function committed<Tx>(scene: Scene<Tx>, database: Database<Tx>): Promise<string> {
  const key = await scene.newKey(database)
  await database.transaction((tx) => scene.insert(tx, key, { database }))
  return key.gid
}

async function taken<Tx>(
  scene: Scene<Tx>,
  database: Database<Tx>,
  owner: string,
  gid?: string,
): Promise<string> {
  const fresh = await scene.newKey(database)
  const key: OnceKey = { gid: gid ?? fresh.gid, notAfter: fresh.notAfter, index: 0, key: '', owner }
  await database.transaction(async (tx) => {
    const context = database.context(tx)
    await context.assertUsable()
    await database.once.take(context, key)
  })
  return key.gid
}
