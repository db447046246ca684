import { expect } from 'vitest'
import { soon } from '../soon.ts'
import type { DatabaseCases } from './scene.ts'

/** What is answered, and who waits, while a transaction is open. */
export function describeOpenTransactions<Tx>(test: DatabaseCases<Tx>): void {
  for (const end of ['commit', 'rollback'] as const) {
    const outcome = end === 'commit' ? 'committed' : 'rolledBack'
    test(`while it is open nothing is decided, and the asker is told soon; after its ${end} it is ${outcome}`, async (scene) => {
      const key = await scene.newKey()
      const open = await scene.hold()
      await scene.insert(open.tx, key)
      // With one connection, the wait for that one has an end too.
      const limitMs = scene.database.limits.parallelTransactions === undefined ? 4_000 : 8_000
      const asked = soon(limitMs, scene.database.barrier.resolve(key))
      await expect(asked).rejects.toMatchObject({ code: 'BARRIER_UNDECIDED', gid: key.gid })
      await open[end]()
      expect(await scene.outcomeOf(key)).toBe(outcome)
    })
  }

  test('twenty who ask at once are all told soon', ['parallelTransactions'], async (scene) => {
    const key = await scene.newKey()
    const open = await scene.hold()
    await scene.insert(open.tx, key)
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, () => soon(5_000, scene.database.barrier.resolve(key))),
    )
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'BARRIER_UNDECIDED' } })
    }
    await open.commit()
    expect(await scene.outcomeOf(key)).toBe('committed')
  })

  test('a question that got no answer decides nothing later', async (scene) => {
    const key = await scene.newKey()
    const open = await scene.hold()
    await scene.insert(open.tx, key)
    await expect(scene.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_UNDECIDED',
    })
    await open.rollback()
    // Whatever is left of the question comes before this.
    await scene.database.transaction(async (tx) => void (await scene.opened.read(tx)))
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })

  for (const end of ['commit', 'rollback'] as const) {
    const fate = end === 'commit' ? 'a duplicate' : 'committed'
    test(
      `a second transaction with the gid waits for the first, and after its ${end} is ${fate}`,
      ['parallelTransactions'],
      async (scene) => {
        const key = await scene.newKey()
        const text = `second after ${end}`
        const first = await scene.hold()
        await scene.insert(first.tx, key)
        const inserting = Promise.withResolvers<void>()
        const second = scene.database
          .transaction(async (tx) => {
            await scene.opened.write(tx, text)
            inserting.resolve()
            await scene.insert(tx, key)
          })
          .then(
            () => 'committed',
            (error: { code?: unknown }) => error.code,
          )
        await inserting.promise
        // A trip to the server and back, on which the second one's insert overtakes.
        await scene.opened.read(first.tx)
        await first[end]()
        expect(await second).toBe(end === 'commit' ? 'JOB_DUPLICATE' : 'committed')
        expect(await scene.has(text)).toBe(end === 'rollback')
      },
    )
  }

  test(
    'its rows are seen by itself and by nobody else',
    ['parallelTransactions'],
    async (scene) => {
      const open = await scene.hold()
      await scene.opened.write(open.tx, 'not yet')
      expect(await scene.opened.read(open.tx)).toContain('not yet')
      expect(await scene.has('not yet')).toBe(false)
      await open.commit()
      expect(await scene.has('not yet')).toBe(true)
    },
  )
}
