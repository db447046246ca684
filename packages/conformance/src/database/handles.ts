import { expect, onTestFinished } from 'vitest'
import { stop } from './scene.ts'
import type { DatabaseCases, Scene } from './scene.ts'

/** Statements sent on what is no open transaction commit by themselves, or in somebody else's. */
export function describeHandles<Tx>(test: DatabaseCases<Tx>): void {
  test('an open transaction is usable', async (scene) => {
    await scene.database.transaction(async (tx) => {
      await expect(scene.database.context(tx).assertUsable()).resolves.toBeUndefined()
    })
  })

  test('a context belongs to its database', async (scene) => {
    await scene.database.transaction(async (tx) => {
      expect(scene.database.context(tx).database).toBe(scene.database)
    })
  })

  test('what is no transaction is refused', async (scene) => {
    const mistakes = Object.entries({ ...scene.opened.mistakes, 'an empty object': {} })
    for (const [what, mistake] of mistakes) {
      expect({ what, error: await refusal(scene, mistake as Tx) }).toMatchObject({
        what,
        error: { code: 'TRANSACTION_UNUSABLE' },
      })
    }
  })

  test("another database's transaction is refused, and nothing is written there", async (scene) => {
    const another = await scene.another()
    const key = await scene.newKey()
    const strange = another.database.transaction((tx) => scene.insert(tx, key))
    await expect(strange).rejects.toSatisfy((error) =>
      ['TRANSACTION_UNUSABLE', 'DATABASE_CHANGED'].includes((error as { code: string }).code),
    )
    expect(await another.opened.probe.barrier(key.gid)).toEqual([])
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })

  for (const end of ['committed', 'rolled back']) {
    test(`a transaction that ${end} is refused`, async (scene) => {
      let handle: Tx
      const over = scene.database.transaction(async (tx) => {
        handle = tx
        await scene.opened.read(tx)
        if (end === 'rolled back') throw stop
      })
      await over.catch(() => {})
      expect(await refusal(scene, handle!)).toMatchObject(overAndDone)
    })

    test(`a context whose transaction ${end} is refused`, async (scene) => {
      const key = await scene.newKey()
      const open = await scene.hold()
      const context = scene.database.context(open.tx)
      await context.assertUsable()
      await (end === 'committed' ? open.commit() : open.rollback())
      await expect(context.assertUsable()).rejects.toMatchObject(overAndDone)
      await expect(scene.database.barrier.insert(context, key)).rejects.toMatchObject(overAndDone)
      expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
    })
  }

  test('a transaction that is over is refused while another one is open', async (scene) => {
    const key = await scene.newKey()
    const first = await scene.hold()
    const context = scene.database.context(first.tx)
    await context.assertUsable()
    await first.commit()
    const second = await scene.hold()
    await expect(context.assertUsable()).rejects.toMatchObject(overAndDone)
    await expect(scene.database.barrier.insert(context, key)).rejects.toMatchObject(overAndDone)
    await expect(scene.database.context(second.tx).assertUsable()).resolves.toBeUndefined()
    await second.commit()
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })

  test(
    "a transaction of the user's own that is over is refused",
    ['openByHand', 'finishedHandles'],
    async (scene) => {
      const handle = await scene.byHand(async (tx) => {
        await scene.opened.read(tx)
        return [tx] as const // a tx may be a thenable, which a promise would wait for
      })
      expect(await refusal(scene, handle[0])).toMatchObject(overAndDone)
      const open = await scene.hold()
      expect(await refusal(scene, handle[0], { probe: false })).toMatchObject(overAndDone)
      await open.commit()
    },
  )

  test('a transaction in which the server gave up writes nothing', ['doom'], async (scene) => {
    const key = await scene.newKey()
    const failed = scene.database.transaction(async (tx) => {
      await scene.doom(tx)
      await scene.insert(tx, key)
    })
    await expect(failed).rejects.toBeInstanceOf(Error)
    expect(await scene.opened.probe.barrier(key.gid)).toEqual([])
  })
}

const overAndDone = {
  code: expect.stringMatching(/^TRANSACTION_(UNUSABLE|LOST)$/) as unknown,
}

/** The error with which a handle is refused, at the latest by the barrier's insert; nothing may be written. */
async function refusal<Tx>(
  scene: Scene<Tx>,
  tx: Tx,
  { probe = true }: { probe?: boolean } = {},
): Promise<unknown> {
  const key = await scene.newKey()
  const written = async (): Promise<unknown> => await scene.opened.probe.barrier(key.gid)
  if (!probe) onTestFinished(async () => expect(await written()).toEqual([]))
  try {
    await scene.insert(tx, key)
  } catch (error) {
    if (probe) expect(await written()).toEqual([])
    return error
  }
  return undefined
}
