import { expect } from 'vitest'
import { neverRan } from './in-a-transaction.ts'
import type { ManagerCases } from './scene.ts'
import { prepared } from './your-own-transaction.ts'

/** Form 4: a transaction without a callback, which the job commits. */
export function describeBeginAndCommit<Tx>(test: ManagerCases<Tx>): void {
  test('start commits, and the job is done', ['begin'], async (scene) => {
    const { data } = scene
    const app = await scene.app()
    const { tx, context, end } = await data.begin()
    await data.opened.write(tx, 'started')
    const job = app.stepping.createJob(context).addStep(app.note, 'started')
    await expect(job.start()).resolves.toEqual({ gid: job.gid, submitted: true })
    await end()
    expect(await data.has('started')).toBe(true)
    await app.noted('started')
    await app.settled()
    expect(app.notes.filter((text) => text === 'started')).toHaveLength(1)
  })

  test(
    'a start in a transaction that the server gave up rejects, and the job is dropped',
    ['begin', 'doom'],
    async (scene) => {
      const { data } = scene
      const app = await scene.app()
      const { tx, context, end } = await data.begin()
      await data.opened.write(tx, 'started in vain')
      await data.doom(tx)
      const job = app.stepping.createJob(context).addStep(app.note, 'started in vain')
      await expect(job.start()).rejects.toBeInstanceOf(Error)
      await end()
      await neverRan(app, job.gid)
      expect(await data.has('started in vain')).toBe(false)
    },
  )

  for (const part of ['request', 'answer'] as const) {
    test(
      `a start whose COMMIT loses its ${part} leaves it to the database what is done`,
      ['begin', 'loseCommit'],
      async (scene) => {
        const { data } = scene
        const app = await scene.app()
        const text = `started, lost ${part}`
        const { tx, context, end } = await data.begin()
        await data.opened.write(tx, text)
        const job = app.stepping.createJob({
          database: context.database,
          assertUsable: () => context.assertUsable(),
          ...('execute' in context && context),
          commit: async () => {
            data.loseCommit(part)
            await context.commit()
          },
        })
        const started = await job
          .addStep(app.note, text)
          .start()
          .then(
            () => 'committed',
            (error: { code?: unknown }) => error.code,
          )
        await end()
        expect(['committed', 'TRANSACTION_OUTCOME_UNKNOWN']).toContain(started)
        const committed = await data.has(text)
        await (committed ? app.noted(text) : neverRan(app, job.gid))
      },
    )
  }

  test("the user's own commit and submit do it as well", ['begin'], async (scene) => {
    const app = await scene.app()
    const begun = await scene.data.begin()
    const job = await prepared(scene, app, begun.tx, 'committed by hand')
    await begun.commit()
    await begun.end()
    await expect(job.submit()).resolves.toMatchObject({ submitted: true })
    await app.noted('committed by hand')
  })

  test('given up after the prepare, the job is dropped', ['begin'], async (scene) => {
    const app = await scene.app()
    const begun = await scene.data.begin()
    const job = await prepared(scene, app, begun.tx, 'given up by hand')
    await begun.end()
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await neverRan(app, job.gid)
  })
}
