import type { OnceKey } from '@stepping/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, drivers, newKey, serverDrivers, waitingForLock } from './harness.ts'
import type { Harness, Tx } from './harness.ts'
import { orders } from './schema.ts'

type Taken = Awaited<ReturnType<Harness['database']['once']['take']>>

async function newOnceKey(h: Harness): Promise<OnceKey> {
  const { gid, notAfter } = await newKey(h.database)
  return { gid, notAfter, index: 0, key: '', owner: 'shop' }
}

async function take(h: Harness, tx: Tx, key: OnceKey): Promise<Taken> {
  return await h.database.once.take(h.database.context(tx), key)
}

async function takeAlone(h: Harness, key: OnceKey): Promise<Taken> {
  return await h.database.transaction(async (tx) => await take(h, tx, key))
}

describe.each(drivers)('once over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
  })
  afterAll(async () => {
    await h.close()
  })

  test('a key that is free is taken', async () => {
    expect(await takeAlone(h, await newOnceKey(h))).toBeUndefined()
  })

  test('a key that was taken gives what was stored under it', async () => {
    const key = await newOnceKey(h)
    const json = JSON.stringify({ text: `it's "quoted" \\ \u0000 ☃` })
    await h.database.transaction(async (tx) => {
      await take(h, tx, key)
      await h.database.once.store(h.database.context(tx), key, json)
    })
    expect(await takeAlone(h, key)).toEqual({ value: json })
  })

  test('a key that was taken without a value gives null', async () => {
    const key = await newOnceKey(h)
    await takeAlone(h, key)
    expect(await takeAlone(h, key)).toEqual({ value: null })
  })

  test('the step, the key and the gid each make it another one', async () => {
    const key = await newOnceKey(h)
    await takeAlone(h, key)
    const others = [{ ...key, index: 1 }, { ...key, key: 'reserve' }, await newOnceKey(h)]
    for (const other of others) expect(await takeAlone(h, other)).toBeUndefined()
  })

  test('each key gives its own value', async () => {
    const key = await newOnceKey(h)
    const keys = [key, { ...key, index: 1 }, { ...key, key: 'reserve' }, await newOnceKey(h)]
    for (const [i, each] of keys.entries()) {
      await h.database.transaction(async (tx) => {
        await take(h, tx, each)
        await h.database.once.store(h.database.context(tx), each, `"value ${i}"`)
      })
    }
    for (const [i, each] of keys.entries()) {
      expect(await takeAlone(h, each)).toEqual({ value: `"value ${i}"` })
    }
  })

  test('the owner makes it another one: another app may have a job with this gid', async () => {
    const key = await newOnceKey(h)
    await takeAlone(h, key)
    expect(await takeAlone(h, { ...key, owner: 'another' })).toBeUndefined()
    expect(await takeAlone(h, { ...key, owner: 'another' })).toEqual({ value: null })
  })

  test('a rollback gives the key back with everything else', async () => {
    const key = await newOnceKey(h)
    const failed = h.database.transaction(async (tx) => {
      await take(h, tx, key)
      await tx.insert(orders).values({ sku: 'undone' })
      throw new Error('stop')
    })
    await expect(failed).rejects.toThrow('stop')
    expect(await takeAlone(h, key)).toBeUndefined()
    expect(await h.skus()).not.toContain('undone')
  })

  test('an attempt whose time is over takes nothing', async () => {
    const key = { ...(await newOnceKey(h)), notAfter: Date.now() - 1_000 }
    await expect(takeAlone(h, key)).rejects.toMatchObject({ code: 'ONCE_EXPIRED', gid: key.gid })
    expect(await h.query('select * from stepping.once where gid = $1', [key.gid])).toEqual([])
  })

  test('an attempt whose time is over does not even see a value', async () => {
    const key = await newOnceKey(h)
    await takeAlone(h, key)
    const late = { ...key, notAfter: Date.now() - 1_000 }
    await expect(takeAlone(h, late)).rejects.toMatchObject({ code: 'ONCE_EXPIRED' })
  })
})

describe.each(serverDrivers)('two attempts at once over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
  })
  afterAll(async () => {
    await h.close()
  })

  test('the second waits for the first and finds what that stored', async () => {
    const key = await newOnceKey(h)
    const first = await begin(h.database)
    const second = await begin(h.database)
    await take(h, first.tx, key)
    await h.database.once.store(h.database.context(first.tx), key, '1')
    const waiting = take(h, second.tx, key)
    await waitingForLock(h)
    await first.commit()
    expect(await waiting).toEqual({ value: '1' })
  })

  test('the second takes the key when the first gives it back', async () => {
    const key = await newOnceKey(h)
    const first = await begin(h.database)
    const second = await begin(h.database)
    await take(h, first.tx, key)
    const waiting = take(h, second.tx, key)
    await waitingForLock(h)
    await first.rollback()
    expect(await waiting).toBeUndefined()
  })
})
