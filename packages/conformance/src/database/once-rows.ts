import type { Database, OnceKey } from '@stepping/core'
import { expect } from 'vitest'
import { stop } from './scene.ts'
import type { DatabaseCases, Scene } from './scene.ts'

type Taken = Awaited<ReturnType<Database<unknown>['once']['take']>>

export function describeOnceRows<Tx>(test: DatabaseCases<Tx>): void {
  test('a key that is free is taken, with one row', async (scene) => {
    const key = await newOnceKey(scene)
    expect(await takeAlone(scene, key)).toBeUndefined()
    expect(await scene.opened.probe.once(key.gid)).toEqual([
      { step: 0, key: '', owner: 'shop', value: null, over: false },
    ])
  })

  test('a key that was taken gives what was stored under it', async (scene) => {
    const key = await newOnceKey(scene)
    const json = JSON.stringify({ text: `it's "quoted" \\ \u0000 ☃ 🦆` })
    await takeAndStore(scene, key, json)
    expect(await takeAlone(scene, key)).toEqual({ value: json })
  })

  test('a large value comes back whole', async (scene) => {
    const key = await newOnceKey(scene)
    const json = JSON.stringify('é'.repeat(200_000))
    await takeAndStore(scene, key, json)
    expect(await takeAlone(scene, key)).toEqual({ value: json })
  })

  test('a key that was taken without a value gives null', async (scene) => {
    const key = await newOnceKey(scene)
    await takeAlone(scene, key)
    expect(await takeAlone(scene, key)).toEqual({ value: null })
  })

  test('a value that is stored over itself is no error, though nothing changes', async (scene) => {
    const key = await newOnceKey(scene)
    await scene.database.transaction(async (tx) => {
      await take(scene, tx, key)
      const context = scene.database.context(tx)
      await scene.database.once.store(context, key, '"same"')
      await scene.database.once.store(context, key, '"same"')
    })
    expect(await takeAlone(scene, key)).toEqual({ value: '"same"' })
  })

  test('a value is replaced only while it is the one that was read', async (scene) => {
    const key = await newOnceKey(scene)
    const replace = async (was: string, value: string): Promise<boolean> =>
      await scene.database.transaction(async (tx) => {
        await take(scene, tx, key)
        return await scene.database.once.replace(scene.database.context(tx), key, was, value)
      })
    await takeAndStore(scene, key, '"first"')
    expect(await replace('"first"', '"second"')).toBe(true)
    expect(await replace('"first"', '"third"')).toBe(false)
    expect(await takeAlone(scene, key)).toEqual({ value: '"second"' })
  })

  test('of two that replace a value at once one does', ['parallelTransactions'], async (scene) => {
    const key = await newOnceKey(scene)
    await takeAndStore(scene, key, '"first"')
    const replacing = ['"second"', '"third"'].map((value) =>
      scene.database.transaction(async (tx) => {
        const context = scene.database.context(tx)
        await context.assertUsable()
        return await scene.database.once.replace(context, key, '"first"', value)
      }),
    )
    // Where transactions are isolated from one another, the second one fails.
    const ended = await Promise.allSettled(replacing)
    const did = ended.filter((each) => each.status === 'fulfilled' && each.value)
    expect(did).toHaveLength(1)
  })

  test('the gid, the step, the key and the owner each make it another one', async (scene) => {
    const key = await newOnceKey(scene)
    const keys = [
      key,
      await newOnceKey(scene),
      { ...key, index: 1 },
      { ...key, key: 'reserve' },
      { ...key, key: 'Reserve' },
      { ...key, owner: 'another' },
    ]
    for (const [i, each] of keys.entries()) await takeAndStore(scene, each, `"value ${i}"`)
    for (const [i, each] of keys.entries()) {
      expect(await takeAlone(scene, each)).toEqual({ value: `"value ${i}"` })
    }
  })

  test('a rollback gives the key back with everything else', async (scene) => {
    const key = await newOnceKey(scene)
    const failed = scene.database.transaction(async (tx) => {
      await take(scene, tx, key)
      await scene.database.once.store(scene.database.context(tx), key, '1')
      await scene.opened.write(tx, 'undone by once')
      throw stop
    })
    await expect(failed).rejects.toBe(stop)
    expect(await scene.has('undone by once')).toBe(false)
    expect(await takeAlone(scene, key)).toBeUndefined()
  })

  test('of ten attempts at once, one takes the key and the others find its value', async (scene) => {
    const key = await newOnceKey(scene)
    const taken = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        scene.database.transaction(async (tx) => {
          const found = await take(scene, tx, key)
          if (found) return found.value
          await scene.database.once.store(scene.database.context(tx), key, `${i}`)
          await scene.opened.write(tx, `effect of attempt ${i}`)
          return `${i}`
        }),
      ),
    )
    expect(new Set(taken).size).toBe(1)
    const effects = (await scene.opened.probe.rows()).filter((row) => row.startsWith('effect of'))
    expect(effects).toEqual([`effect of attempt ${taken[0]}`])
  })

  for (const end of ['commit', 'rollback'] as const) {
    test(
      `a second attempt waits for the first, and after its ${end} ${end === 'commit' ? 'finds the value' : 'takes the key'}`,
      ['parallelTransactions'],
      async (scene) => {
        const key = await newOnceKey(scene)
        const first = await scene.hold()
        await take(scene, first.tx, key)
        await scene.database.once.store(scene.database.context(first.tx), key, '1')
        const taking = Promise.withResolvers<void>()
        const second = scene.database.transaction(async (tx) => {
          await scene.opened.read(tx)
          taking.resolve()
          return await take(scene, tx, key)
        })
        await taking.promise
        await scene.opened.read(first.tx)
        await first[end]()
        expect(await second).toEqual(end === 'commit' ? { value: '1' } : undefined)
      },
    )
  }

  test('an attempt whose time is over takes nothing, and sees no value', async (scene) => {
    const free = await newOnceKey(scene)
    const taken = await newOnceKey(scene)
    await takeAndStore(scene, taken, '1')
    for (const key of [free, taken]) {
      const late = { ...key, notAfter: Date.now() - 60_000 }
      await expect(takeAlone(scene, late)).rejects.toMatchObject({
        code: 'ONCE_EXPIRED',
        gid: key.gid,
      })
    }
    expect(await scene.opened.probe.once(free.gid)).toEqual([])
  })
}

async function newOnceKey<Tx>(scene: Scene<Tx>): Promise<OnceKey> {
  const { gid, notAfter } = await scene.newKey()
  return { gid, notAfter, index: 0, key: '', owner: 'shop' }
}

async function take<Tx>(scene: Scene<Tx>, tx: Tx, key: OnceKey): Promise<Taken> {
  const context = scene.database.context(tx)
  await context.assertUsable()
  return await scene.database.once.take(context, key)
}

async function takeAlone<Tx>(scene: Scene<Tx>, key: OnceKey): Promise<Taken> {
  return await scene.database.transaction(async (tx) => await take(scene, tx, key))
}

async function takeAndStore<Tx>(scene: Scene<Tx>, key: OnceKey, value: string): Promise<void> {
  await scene.database.transaction(async (tx) => {
    await take(scene, tx, key)
    await scene.database.once.store(scene.database.context(tx), key, value)
  })
}
