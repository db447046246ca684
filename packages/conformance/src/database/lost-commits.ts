import { isSteppingError } from '@stepping/core'
import { expect } from 'vitest'
import type { DatabaseCases, Scene } from './scene.ts'

/** The connection that is lost with a COMMIT, or with the answer to it. */
export function describeLostCommits<Tx>(test: DatabaseCases<Tx>): void {
  for (const part of ['request', 'answer'] as const) {
    test(
      `a COMMIT whose ${part} is lost leaves the outcome to the barrier`,
      ['loseCommit'],
      async (scene) => await loseCommit(scene, part, false),
    )

    test(
      `a COMMIT whose ${part} is lost right after the row leaves the outcome to the barrier`,
      ['loseCommit'],
      async (scene) => await loseCommit(scene, part, true),
    )

    test(
      `a COMMIT whose ${part} is lost on a connection that had one before leaves the outcome to the barrier`,
      ['loseCommit'],
      async (scene) => {
        const key = await scene.newKey()
        // It may be prepared by then.
        await scene.database.transaction((tx) => scene.insert(tx, key, { last: true }))
        await loseCommit(scene, part, true, 'after another one')
      },
    )

    test(
      `a commit by hand whose ${part} is lost leaves the outcome to the barrier`,
      ['begin', 'loseCommit'],
      async (scene) => {
        const key = await scene.newKey()
        const { context, end } = await scene.begin()
        await context.assertUsable()
        await scene.database.barrier.insert(context, key)
        scene.loseCommit(part)
        const ended = await context.commit().then(
          () => 'committed',
          (error: unknown) => (isSteppingError(error) ? error.code : error),
        )
        await end()
        const outcome = await scene.outcomeOf(key)
        if (ended === 'committed') expect(outcome).toBe('committed')
        else expect(ended).toBe('TRANSACTION_OUTCOME_UNKNOWN')
        if (part === 'answer') expect(outcome).toBe('committed')
      },
    )
  }

  test('after a lost connection the next transaction works', ['loseCommit'], async (scene) => {
    const lost = scene.database.transaction(async (tx) => {
      await scene.opened.read(tx)
      scene.loseCommit('request')
    })
    await lost.catch(() => {})
    const key = await scene.newKey()
    await scene.order('after the loss', key)
    expect(await scene.database.barrier.resolve(key)).toBe('committed')
  })
}

/** @param last The row may be sent along with the COMMIT, and be lost with it. */
async function loseCommit<Tx>(
  scene: Scene<Tx>,
  part: 'request' | 'answer',
  last: boolean,
  when = 'by itself',
): Promise<void> {
  const key = await scene.newKey()
  const text = `lost ${part}, last: ${last}, ${when}`
  const ended = await scene.database
    .transaction(async (tx) => {
      await scene.opened.write(tx, text)
      await scene.insert(tx, key, { last })
      scene.loseCommit(part)
    })
    .then(
      () => 'committed',
      (error: unknown) => (isSteppingError(error) ? error.code : error),
    )
  const outcome = await scene.outcomeOf(key)
  // A library may repeat the COMMIT by itself and learn of its fate.
  if (ended === 'committed') expect(outcome).toBe('committed')
  else expect(ended).toBe('TRANSACTION_OUTCOME_UNKNOWN')
  if (part === 'answer') expect(outcome).toBe('committed')
  expect(await scene.has(text)).toBe(outcome === 'committed')
}
