import { setTimeout as delay } from 'node:timers/promises'
import type { TransactionJob } from '@stepping/core'
import { expect } from 'vitest'
import { stop } from '../database/scene.ts'
import { neverRan } from './in-a-transaction.ts'
import type { App, ManagerCases, Scene } from './scene.ts'

/** Form 3: `createJob(database.context(tx))`, `prepareAndInsertBarrier()`, the user's commit, `submit()`. */
export function describeYourOwnTransaction<Tx>(test: ManagerCases<Tx>): void {
  test('the job is done after submit, and is submitted once', ['openByHand'], async (scene) => {
    const { data } = scene
    const app = await scene.app()
    const job = await data.byHand((tx) => prepared(scene, app, tx, 'submitted'))
    await expect(job.submit()).resolves.toEqual({ gid: job.gid, submitted: true })
    await app.noted('submitted')
    await expect(job.submit()).rejects.toMatchObject({ code: 'JOB_ALREADY_SUBMITTED' })
    expect(await data.has('submitted')).toBe(true)
  })

  test('a submit that is forgotten is made up for', ['openByHand'], async (scene) => {
    const app = await scene.app()
    await scene.data.byHand((tx) => prepared(scene, app, tx, 'forgotten'))
    await app.noted('forgotten')
    await app.settled()
    expect(app.notes.filter((text) => text === 'forgotten')).toHaveLength(1)
  })

  test(
    'a submit before the commit is refused, and works after it',
    ['openByHand'],
    async (scene) => {
      const app = await scene.app()
      let early: unknown
      const job = await scene.data.byHand(async (tx) => {
        const made = await prepared(scene, app, tx, 'early')
        early = await made.submit().catch((error: unknown) => error)
        return made
      })
      expect(early).toMatchObject({ code: 'TRANSACTION_NOT_COMMITTED', gid: job.gid })
      await expect(job.submit()).resolves.toMatchObject({ submitted: true })
      await app.noted('early')
      await app.settled()
      expect(app.notes.filter((text) => text === 'early')).toHaveLength(1)
    },
  )

  test(
    'a submit after a rollback is refused, and the job is dropped',
    ['openByHand'],
    async (scene) => {
      const app = await scene.app()
      let job: TransactionJob | undefined
      const failed = scene.data.byHand(async (tx) => {
        job = await prepared(scene, app, tx, 'undone')
        throw stop
      })
      await expect(failed).rejects.toBe(stop)
      await expect(job!.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
      await neverRan(app, job!.gid)
      expect(await scene.data.has('undone')).toBe(false)
    },
  )

  test('a rollback without a submit drops the job', ['openByHand'], async (scene) => {
    const app = await scene.app()
    let gid = ''
    const failed = scene.data.byHand(async (tx) => {
      gid = (await prepared(scene, app, tx, 'left alone')).gid
      throw stop
    })
    await expect(failed).rejects.toBe(stop)
    await neverRan(app, gid)
  })

  test(
    'a job that a savepoint took along is not started by the commit',
    ['openByHand', 'savepoint'],
    async (scene) => {
      const { data } = scene
      const app = await scene.app()
      let job: TransactionJob | undefined
      await data.byHand(async (tx) => {
        const undone = data.savepoint(tx, async (inner) => {
          job = await prepared(scene, app, inner, 'in a savepoint')
          throw stop
        })
        await undone.catch(() => {})
      })
      await expect(job!.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
      await neverRan(app, job!.gid)
    },
  )

  /**
   * What is sent after the ROLLBACK commits by itself. The delays move the rejection over all the
   * statements of a prepare; which of them it meets is the machine's affair.
   */
  test(
    'a prepare that nobody awaited never runs the steps of a rolled-back transaction',
    ['openByHand'],
    async (scene) => {
      const { data } = scene
      const app = await scene.app()
      const prepares: Promise<unknown>[] = []
      for (let round = 0; round < 60; round++) {
        const rolledBack = data.byHand(async (tx) => {
          await data.opened.read(tx)
          const job = app.stepping.createJob(data.database.context(tx)).addStep(app.note, 'ghost')
          prepares.push(job.prepareAndInsertBarrier().catch(() => {}))
          if (round % 12 > 0) await delay((round % 12) / 4)
          throw stop
        })
        await expect(rolledBack).rejects.toBe(stop)
      }
      await Promise.race([Promise.all(prepares), delay(2_000)])
      // Longer than it takes until prepared jobs are asked about.
      await delay(1_000)
      await app.settled()
      expect(app.notes).not.toContain('ghost')
    },
  )
}

/** A row of the user's and a job with one step, in the user's own transaction. */
export async function prepared<Tx>(
  { data }: Scene<Tx>,
  app: App,
  tx: Tx,
  text: string,
): Promise<TransactionJob> {
  await data.opened.write(tx, text)
  const job = app.stepping.createJob(data.database.context(tx)).addStep(app.note, text)
  await job.prepareAndInsertBarrier()
  return job
}
