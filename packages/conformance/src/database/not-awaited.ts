import { setTimeout as delay } from 'node:timers/promises'
import type { BarrierKey } from '@stepping/core'
import { expect } from 'vitest'
import { stop } from './scene.ts'
import type { DatabaseCases, Scene } from './scene.ts'

const rounds = 120

/**
 * What is sent after the ROLLBACK commits by itself, or in a transaction that uses the connection
 * next. The delays move the end over all the statements of an insert; which of them it meets is the
 * machine's affair, so there are many rounds.
 */
export function describeNotAwaited<Tx>(test: DatabaseCases<Tx>): void {
  test(
    "an insert that races the end of the user's own rolled-back transaction leaves no row",
    ['openByHand'],
    async (scene) => {
      await race(scene, (work) => scene.byHand(work))
    },
  )

  test('an insert that races the end of a rolled-back transaction leaves no row', async (scene) => {
    await race(scene, (work) => scene.database.transaction(work))
  })
}

async function race<Tx>(
  scene: Scene<Tx>,
  transaction: (work: (tx: Tx) => Promise<void>) => Promise<void>,
): Promise<void> {
  const keys: BarrierKey[] = []
  const inserts: Promise<unknown>[] = []
  for (let round = 0; round < rounds; round++) {
    const key = await scene.newKey()
    keys.push(key)
    const rolledBack = transaction(async (tx) => {
      await scene.opened.read(tx)
      inserts.push(scene.insert(tx, key).catch(() => {}))
      if (round % 12 > 0) await delay((round % 12) / 4)
      throw stop
    })
    await expect(rolledBack).rejects.toBe(stop)
    // What lands in here is committed.
    await scene.database.transaction(async (tx) => void (await scene.opened.read(tx)))
  }
  // A library may never answer a statement that it did not send any more.
  await Promise.race([Promise.all(inserts), delay(2_000)])
  for (const { gid } of keys) expect(await scene.opened.probe.barrier(gid)).toEqual([])
}
