import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openJobs, openPath, startApp } from './app.ts'
import type { Path } from './app.ts'
import { holdCommit, nodePostgres, postgresJs, serverDrivers } from './harness.ts'
import { orders } from './schema.ts'

describe('jobs stored over postgres-js, data over node-postgres,', () => {
  test('the same database: one insert in the transaction, no barrier row', async () => {
    const store = await postgresJs.open({ name: 'jobs' })
    onTestFinished(() => store.close())
    const h = await nodePostgres.open({ url: store.url! })
    onTestFinished(() => h.close())
    const app = await startApp({ databases: [h.database], store: store.database })
    const gid = await app.stepping.transaction(h.database, async (tx, job) => {
      await tx.insert(orders).values({ sku: 'same' })
      return job.addStep(app.note, 'same').gid
    })
    await app.noted('same')
    expect(await h.barrier(gid)).toEqual([])
    expect(await h.skus()).toEqual(['same'])
  })

  test('another database: prepared, with a barrier row, and then submitted', async () => {
    const store = await postgresJs.open({ name: 'jobs' })
    onTestFinished(() => store.close())
    const h = await nodePostgres.open()
    onTestFinished(() => h.close())
    const app = await startApp({ databases: [h.database], store: store.database })
    const gid = await app.stepping.transaction(h.database, async (tx, job) => {
      await tx.insert(orders).values({ sku: 'other' })
      return job.addStep(app.note, 'other').gid
    })
    await app.noted('other')
    expect(await h.barrier(gid)).toMatchObject([{ reason: 'msg' }])
    expect(await store.barrier(gid)).toEqual([])
  })

  test('another schema of the same database: it is not the same tables, so two phases', async () => {
    const h = await nodePostgres.open()
    onTestFinished(() => h.close())
    const elsewhere = h.over({ name: 'jobs', schema: 'elsewhere' })
    const app = await startApp({ databases: [h.database], store: elsewhere })
    const gid = await app.stepping.transaction(h.database, async (_tx, job) => {
      return job.addStep(app.note, 'schema').gid
    })
    await app.noted('schema')
    expect(await h.barrier(gid)).toMatchObject([{ reason: 'msg' }])
  })
})

describe.each(serverDrivers)('a connection over $name that is lost while it commits', (driver) => {
  test.each<Path>(['outbox', 'two phases'])(
    'leaves it to the database what is done (%s)',
    async (path) => {
      const { h, store, close } = await openPath(driver, path)
      onTestFinished(close)
      const app = await startApp({ databases: [h.database], store: store.database })
      const commit = await holdCommit(h, 'lost')
      let gid: string | undefined
      const lost = app.stepping.transaction(h.database, async (tx, job) => {
        gid = job.addStep(app.note, 'lost').gid
        await tx.insert(orders).values({ sku: 'lost' })
      })
      const rejected = lost.catch((error: unknown) => error)
      await commit.terminate()
      expect(await rejected).toMatchObject({
        code: 'TRANSACTION_OUTCOME_UNKNOWN',
        gid,
        message: expect.stringContaining(gid!),
      })
      // It had not committed when the connection was lost.
      await vi.waitFor(async () => expect(await openJobs(store)).toEqual([]), { timeout: 10_000 })
      await app.settled()
      expect(app.notes).not.toContain('lost')
      expect(await h.skus()).toEqual([])
    },
  )
})
