import { sql } from 'drizzle-orm'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { openPath, startApp } from './app.ts'
import type { Path } from './app.ts'
import { drivers } from './harness.ts'

const rounds = 120
const paths: readonly Path[] = ['outbox', 'two phases']
const combinations = drivers.flatMap((driver) =>
  paths.map((path) => [driver.name, path, driver] as const),
)

/**
 * What is sent after the ROLLBACK commits by itself. The delays move the rejection over all the
 * statements of a prepare; which of them it meets is the machine's affair, so there are many rounds.
 */
test.each(combinations)(
  'over %s, %s: a prepare that races the end of its rolled-back transaction never runs a step',
  async (_driver, path, driver) => {
    const { h, store, close } = await openPath(driver, path)
    onTestFinished(close)
    const app = await startApp({ databases: [h.database], store: store.database })
    let tied = 0
    for (let round = 0; round < rounds; round++) {
      const rolledBack = h.db.transaction(async (tx) => {
        await tx.execute(sql`select 1`)
        const job = app.stepping.createJob(h.database.context(tx)).addStep(app.note, 'undone')
        await Promise.all([
          // postgres-js never answers what it did not send before the ROLLBACK.
          job.prepareAndInsertBarrier().then(() => tied++),
          delay((round % 12) / 4).then(() => Promise.reject(new Error('out of stock'))),
        ])
      })
      await expect(rolledBack).rejects.toBeInstanceOf(Error)
    }
    // PGlite does not give the race a chance.
    expect(tied).toBeLessThan(driver.name === 'PGlite' ? rounds + 1 : rounds)
    await app.settled()
    const commits = await h.query(`select gid from stepping.barrier where reason = 'msg'`)
    expect(commits).toEqual([])
    expect(app.notes).not.toContain('undone')
  },
  60_000,
)
