import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startApp } from './app.ts'
import type { Path } from './app.ts'
import { libsqlFile, openMigrated } from './sqlite-drivers.ts'

const rounds = 150

/**
 * What is sent after the ROLLBACK commits by itself. The delays move the rejection over all the
 * statements of a prepare; which of them it meets is the machine's affair, so there are many rounds.
 */
test.each<Path>(['outbox', 'two phases'])(
  'over a libSQL file, %s: a prepare that races the end of its rolled-back transaction never runs a step',
  async (path) => {
    const { db, database, query } = await openMigrated(libsqlFile)
    const store =
      path === 'outbox' ? database : (await openMigrated(libsqlFile)).over({ name: 'jobs' })
    const app = await startApp({ databases: [database], store })
    let tied = 0
    for (let round = 0; round < rounds; round++) {
      const rolledBack = db.transaction(async (tx) => {
        const job = app.stepping.createJob(database.context(tx)).addStep(app.note, 'undone')
        await Promise.all([
          job.prepareAndInsertBarrier().then(() => tied++),
          round % 2 === 0
            ? Promise.reject(new Error('out of stock'))
            : delay((round % 12) / 4).then(() => Promise.reject(new Error('out of stock'))),
        ])
      })
      await expect(rolledBack).rejects.toBeInstanceOf(Error)
    }
    expect(tied).toBeLessThan(rounds)
    await app.settled()
    const commits = await query(`select gid from stepping_barrier where reason = 'msg'`)
    expect(commits).toEqual([])
    expect(app.notes).not.toContain('undone')
  },
  60_000,
)
