import { expect } from 'vitest'
import { stop } from './scene.ts'
import type { DatabaseCases } from './scene.ts'

/** Transactions that the user opens, past this adapter. */
export function describeByHand<Tx>(test: DatabaseCases<Tx>): void {
  test("a row in the user's own transaction commits with it", ['openByHand'], async (scene) => {
    const key = await scene.newKey()
    await scene.byHand(async (tx) => {
      await scene.opened.write(tx, 'own transaction')
      await scene.insert(tx, key)
    })
    expect(await scene.database.barrier.resolve(key)).toBe('committed')
    expect(await scene.has('own transaction')).toBe(true)
  })

  test("a row in the user's own transaction goes with it", ['openByHand'], async (scene) => {
    const key = await scene.newKey()
    const failed = scene.byHand(async (tx) => {
      await scene.insert(tx, key)
      throw stop
    })
    await expect(failed).rejects.toBe(stop)
    expect(await scene.database.barrier.resolve(key)).toBe('rolledBack')
  })

  test(
    "while the user's own transaction is open nothing is decided",
    ['openByHand'],
    async (scene) => {
      const key = await scene.newKey()
      const open = await scene.holdByHand()
      await scene.insert(open.tx, key)
      await expect(scene.database.barrier.resolve(key)).rejects.toMatchObject({
        code: 'BARRIER_UNDECIDED',
      })
      await open.commit()
      expect(await scene.outcomeOf(key)).toBe('committed')
    },
  )

  test('commit resolves when it is committed', ['begin'], async (scene) => {
    const key = await scene.newKey()
    const { tx, context, end } = await scene.begin()
    await scene.opened.write(tx, 'committed through the context')
    await context.assertUsable()
    await scene.database.barrier.insert(context, key)
    await context.commit()
    await end()
    expect(await scene.database.barrier.resolve(key)).toBe('committed')
    expect(await scene.has('committed through the context')).toBe(true)
  })

  test("the library's own commit commits the row as well", ['begin'], async (scene) => {
    const key = await scene.newKey()
    const begun = await scene.begin()
    await scene.insert(begun.tx, key)
    await begun.commit()
    await begun.end()
    expect(await scene.database.barrier.resolve(key)).toBe('committed')
  })

  test('given up without a commit it is rolled back', ['begin'], async (scene) => {
    const key = await scene.newKey()
    const { tx, end } = await scene.begin()
    await scene.opened.write(tx, 'given up')
    await scene.insert(tx, key)
    await end()
    expect(await scene.database.barrier.resolve(key)).toBe('rolledBack')
    expect(await scene.has('given up')).toBe(false)
  })

  test(
    'commit rejects when the server gave the transaction up',
    ['begin', 'doom'],
    async (scene) => {
      const key = await scene.newKey()
      const { tx, context, end } = await scene.begin()
      await scene.opened.write(tx, 'doomed by hand')
      await context.assertUsable()
      await scene.database.barrier.insert(context, key)
      await scene.doom(tx)
      await expect(context.commit()).rejects.toBeInstanceOf(Error)
      await end()
      expect(await scene.outcomeOf(key)).toBe('rolledBack')
      expect(await scene.has('doomed by hand')).toBe(false)
    },
  )

  test('after its commit the transaction is refused', ['begin'], async (scene) => {
    const key = await scene.newKey()
    const { context, end } = await scene.begin()
    await context.assertUsable()
    await context.commit()
    const refused = { code: expect.stringMatching(/^TRANSACTION_(UNUSABLE|LOST)$/) as unknown }
    await expect(context.assertUsable()).rejects.toMatchObject(refused)
    await expect(scene.database.barrier.insert(context, key)).rejects.toMatchObject(refused)
    await end()
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })
}
