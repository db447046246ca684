import { describe, expect, test } from 'vitest'
import { paths, startApp, storeOf } from './app.ts'
import { begin, openLossy, order } from './harness.ts'

/** The driver repeats a commit by itself, so its fate is known though its connection was lost. */
describe.each(paths)('a connection that is lost with a commit, %s,', (path) => {
  test.each(['request', 'answer'] as const)('(%s) has its job done once', async (part) => {
    const h = await openLossy()
    const store = await storeOf(path, h)
    const app = await startApp({ databases: [h.database], store: store.database })
    await app.stepping.transaction(h.database, async (session, job) => {
      await order(h, session, part)
      job.addStep(app.note, part)
      h.lose(part)
    })
    await app.noted(part)
    await app.settled()
    expect(app.notes.filter((text) => text === part)).toHaveLength(1)
    expect(await h.skus()).toEqual([part])
  })

  test.each(['request', 'answer'] as const)('(%s) by hand has its job done once', async (part) => {
    const h = await openLossy()
    const store = await storeOf(path, h)
    const app = await startApp({ databases: [h.database], store: store.database })
    const session = begin(h)
    await order(h, session, part)
    const context = h.database.context(session)
    const losing = {
      ...context,
      commit: async () => {
        h.lose(part)
        await context.commit()
      },
    }
    await app.stepping.createJob(losing).addStep(app.note, part).start()
    await app.noted(part)
    await app.settled()
    expect(app.notes.filter((text) => text === part)).toHaveLength(1)
    expect(await h.skus()).toEqual([part])
  })
})
