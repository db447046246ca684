import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { stop } from './scene.ts'
import type { DatabaseCases, Scene } from './scene.ts'

/** When `transaction` resolves, when it rejects, and with what. */
export function describeTransactions<Tx>(test: DatabaseCases<Tx>): void {
  test('resolves with what its work returned, once that is committed', async (scene) => {
    const value = await scene.database.transaction(async (tx) => {
      await scene.opened.write(tx, 'returned')
      expect(await scene.opened.read(tx)).toContain('returned')
      return { answer: 42 }
    })
    expect(value).toEqual({ answer: 42 })
    expect(await scene.has('returned')).toBe(true)
  })

  test('rejects with the very error that its work threw, and leaves nothing', async (scene) => {
    const thrown = Object.assign(new Error('out of stock'), { code: 'OUT_OF_STOCK' })
    const failed = scene.database.transaction(async (tx) => {
      await scene.opened.write(tx, 'thrown')
      throw thrown
    })
    await expect(failed).rejects.toBe(thrown)
    expect(thrown).toEqual(
      Object.assign(new Error('out of stock'), {
        code: 'OUT_OF_STOCK',
      }),
    )
    expect(await scene.has('thrown')).toBe(false)
  })

  test('rejects with the error of its statement', async (scene) => {
    let seen: unknown
    const failed = scene.database.transaction(async (tx) => {
      await scene.opened.write(tx, 'same')
      await scene.opened.write(tx, 'same').catch((error: unknown) => {
        seen = error
        throw error
      })
    })
    const rejected = await failed.catch((error: unknown) => error)
    expect(rejected).toBeInstanceOf(Error)
    expect(rejected).toBe(seen)
    expect(await scene.has('same')).toBe(false)
  })

  test('twenty at once each have their own fate', async (scene) => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => scene.newKey()))
    const ended = await Promise.allSettled(
      keys.map((key, i) =>
        scene.database.transaction(async (tx) => {
          await scene.opened.write(tx, `twenty ${i}`)
          await scene.insert(tx, key)
          if (i % 3 === 0) throw stop
        }),
      ),
    )
    const rows = await scene.opened.probe.rows()
    for (const [i, key] of keys.entries()) {
      const fate = i % 3 === 0 ? 'rolledBack' : 'committed'
      expect(ended[i]!.status).toBe(fate === 'committed' ? 'fulfilled' : 'rejected')
      expect(rows.includes(`twenty ${i}`)).toBe(fate === 'committed')
      expect(await scene.database.barrier.resolve(key)).toBe(fate)
    }
  })

  /** Where the user swallows the error of a statement. */
  const places: Record<string, (parts: Parts) => Promise<void>> = {
    async 'before the barrier row'({ fail, insert }) {
      await fail()
      await insert()
    },
    async 'before the barrier row, whose error is swallowed too'({ fail, insert }) {
      await fail()
      await insert().catch(() => {})
    },
    async 'after the barrier row'({ fail, insert }) {
      await insert()
      await fail()
    },
    async 'after the barrier row, without waiting for it'({ fail, insert }) {
      await insert()
      void fail()
    },
  }

  for (const [place, arrange] of Object.entries(places)) {
    test(`a swallowed error ${place} is never a commit that is none`, async (scene) => {
      const text = `swallowed ${place}`
      const { resolved, outcome } = await arranged(scene, text, arrange, (tx) =>
        scene.violate(tx, text),
      )
      // Some servers undo only the statement: then all of it is committed, else nothing.
      expect(outcome).toBe(resolved ? 'committed' : 'rolledBack')
      expect(await scene.has(text)).toBe(resolved)
    })

    test(`what the server gave up ${place} is never committed`, ['doom'], async (scene) => {
      const text = `doomed ${place}`
      const { resolved, outcome } = await arranged(scene, text, arrange, (tx) => scene.doom(tx))
      // Not waited for, it may come after the COMMIT where each statement has a connection of its own.
      if (!place.includes('without waiting')) expect(resolved).toBe(false)
      expect(outcome).toBe(resolved ? 'committed' : 'rolledBack')
      expect(await scene.has(text)).toBe(resolved)
    })
  }

  for (const last of [false, true]) {
    const row = last ? 'a barrier row, written last,' : 'a barrier row'

    test(`${row} is not there after a ROLLBACK that its user sent`, ['rollback'], async (scene) => {
      expect(await rolledBackInside(scene, last, (tx) => scene.rollback(tx))).toEqual({
        rows: 0,
        committed: false,
      })
    })

    test(
      `${row} has the fate of its transaction after a ROLLBACK that its user sent and did not await`,
      ['rollback'],
      async (scene) => {
        const { rows, committed } = await rolledBackInside(scene, last, async (tx) => {
          void scene.rollback(tx)
          await new Promise((resolve) => setImmediate(resolve)) // it is sent by then
        })
        expect(rows).toBe(committed ? 1 : 0)
      },
    )

    test(
      `${row} has the fate of its transaction when what nobody awaits sends a ROLLBACK after an answer`,
      ['rollback'],
      async (scene) => {
        const { rows, committed } = await rolledBackInside(scene, last, async (tx) => {
          void scene.opened.read(tx).then(() => scene.rollback(tx), ignore)
          await new Promise((resolve) => setImmediate(resolve)) // the first is sent by then
        })
        expect(rows).toBe(committed ? 1 : 0)
      },
    )
  }

  test('proves its commit only when it committed', async (scene) => {
    const key = await scene.newKey()
    const proofs: (() => boolean | undefined)[] = []
    await scene.database.transaction(async (tx) => {
      const context = scene.database.context(tx)
      await context.assertUsable()
      await scene.database.barrier.insert(context, key)
      proofs.push(() => context.provedCommit?.())
      expect(context.provedCommit?.() ?? false).toBe(false)
    })
    const failed = scene.database.transaction(async (tx) => {
      const context = scene.database.context(tx)
      await context.assertUsable()
      await scene.database.barrier.insert(context, await scene.newKey())
      proofs.push(() => context.provedCommit?.())
      throw stop
    })
    await expect(failed).rejects.toBe(stop)
    expect(proofs[1]!() ?? false).toBe(false)
    expect([true, false, undefined]).toContain(proofs[0]!())
  })

  test('proves nothing when a savepoint took the row along', ['savepoint'], async (scene) => {
    const key = await scene.newKey()
    let proved: (() => boolean | undefined) | undefined
    await scene.database.transaction(async (tx) => {
      await scene.opened.write(tx, 'around the savepoint')
      await scene
        .savepoint(tx, async (inner) => {
          const context = scene.database.context(inner)
          await context.assertUsable()
          await scene.database.barrier.insert(context, key)
          proved = () => context.provedCommit?.()
          throw stop
        })
        .catch(() => {})
    })
    expect(proved!() ?? false).toBe(false)
    expect(await scene.has('around the savepoint')).toBe(true)
    expect(await scene.database.barrier.resolve(key)).toBe('rolledBack')
  })

  test('run again by the library, it has the fate of its last run', ['failOnce'], async (scene) => {
    const key = await scene.newKey()
    let runs = 0
    const value = await scene.database.transaction(async (tx) => {
      runs++
      await scene.opened.write(tx, `run ${runs}`)
      await scene.insert(tx, key)
      if (runs === 1) await scene.failOnce(tx)
      return `run ${runs}`
    })
    expect(value).toBe('run 2')
    expect(await scene.has('run 1')).toBe(false)
    expect(await scene.has('run 2')).toBe(true)
    expect(await scene.database.barrier.resolve(key)).toBe('committed')
  })
}

/** A row of the user's, an end that the adapter does not make, and a barrier row: what is there of them at last. */
async function rolledBackInside<Tx>(
  scene: Scene<Tx>,
  last: boolean,
  rollBack: (tx: Tx) => Promise<void>,
): Promise<{ rows: number; committed: boolean }> {
  const key = await scene.newKey()
  const text = `rolled back inside ${key.gid}`
  const settled = scene.database
    .transaction(async (tx) => {
      await scene.opened.write(tx, text)
      await rollBack(tx)
      await scene.insert(tx, key, { last })
    })
    .catch(() => {})
  // A library may never answer what comes after it.
  await Promise.race([settled, delay(2_000)])
  const rows = await scene.opened.probe.barrier(key.gid)
  return { rows: rows.length, committed: await scene.has(text) }
}

function ignore(): void {}

/** What a case puts in an order, inside its transaction. */
interface Parts {
  readonly fail: () => Promise<void>
  readonly insert: () => Promise<void>
}

/** Runs these parts in a transaction with a row of the user's; what became of it and what the barrier says. */
async function arranged<Tx>(
  scene: Scene<Tx>,
  text: string,
  arrange: (parts: Parts) => Promise<void>,
  fail: (tx: Tx) => Promise<void>,
): Promise<{ resolved: boolean; outcome: string }> {
  const key = await scene.newKey()
  const resolved = await scene.database
    .transaction(async (tx) => {
      await scene.opened.write(tx, text)
      await arrange({ fail: () => fail(tx), insert: () => scene.insert(tx, key) })
    })
    .then(
      () => true,
      () => false,
    )
  return { resolved, outcome: await scene.outcomeOf(key) }
}
