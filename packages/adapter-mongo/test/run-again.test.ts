import type { Document } from 'mongodb'
import { startMongo } from '@stepping/test-support'
import type { MongoServer } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { paths, startApp } from './app.ts'
import { open, order } from './harness.ts'
import type { Harness } from './harness.ts'

/** A server of its own, because what is made to fail there fails for everybody. */
let server: MongoServer
beforeAll(async () => {
  server = await startMongo()
})
afterAll(async () => {
  await server.stop()
})

async function openOwn(name: string): Promise<Harness> {
  const url = new URL(server.url)
  url.pathname = `${name}_${crypto.randomUUID().slice(0, 8)}`
  return await open({ name, url: url.href })
}

/** The next commands of this kind fail so. */
async function failNext(h: Harness, command: string, data: Document, times = 1): Promise<void> {
  const admin = h.client.db('admin')
  const configure = (mode: unknown): Promise<Document> =>
    admin.command({
      configureFailPoint: 'failCommand',
      mode,
      data: { failCommands: [command], ...data },
    })
  await configure({ times })
  onTestFinished(async () => void (await configure('off')))
}

const undone = { errorLabels: ['TransientTransactionError'] }

describe.each(paths)('a transaction that withTransaction runs again, %s,', (path) => {
  test.each([
    ['its commit', 'commitTransaction', { errorCode: 112, ...undone }],
    ['an election', 'commitTransaction', { errorCode: 251, ...undone }],
    ["the adapter's statement", 'findAndModify', { errorCode: 112, ...undone }],
    ["the user's statement", 'insert', { errorCode: 112, ...undone }],
    ['a lost connection', 'insert', { closeConnection: true }],
  ])('because of %s gives one job, with the steps of the last run', async (_, command, data) => {
    const h = await openOwn('orders')
    const store = path === 'outbox' ? h : await openOwn('jobs')
    const app = await startApp({ databases: [h.database], store: store.database })
    const gids: string[] = []
    // What the store does is not what is to fail.
    const namespace = `${h.db.databaseName}.${path === 'outbox' ? 'stepping_job' : 'stepping_barrier'}`
    await failNext(h, command, { ...data, ...(command === 'findAndModify' && { namespace }) })
    await app.stepping.transaction(h.database, async (session, job) => {
      gids.push(job.gid)
      await order(h, session, `order ${gids.length}`)
      job.addStep(app.note, `order ${gids.length}`)
    })
    expect(gids).toHaveLength(2)
    await app.noted('order 2')
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 10_000 })
    await app.settled()
    expect(app.notes.filter((text) => text.startsWith('order'))).toEqual(['order 2'])
    expect(await h.skus()).toEqual(['order 2'])
    expect(gids[0]).not.toBe(gids[1])
  })

  test("of the user's own gives one job", async () => {
    const h = await openOwn('orders')
    const store = path === 'outbox' ? h : await openOwn('jobs')
    const app = await startApp({ databases: [h.database], store: store.database })
    await failNext(h, 'commitTransaction', { errorCode: 112, ...undone })
    const jobs = await h.client.withSession(async (session) => {
      const made: { submit(): Promise<unknown> }[] = []
      await session.withTransaction(async () => {
        const text = `run ${made.length + 1}`
        await order(h, session, text)
        const job = app.stepping.createJob(h.database.context(session)).addStep(app.note, text)
        made.push(job)
        await job.prepareAndInsertBarrier()
      })
      return made
    })
    expect(jobs).toHaveLength(2)
    await expect(jobs[1]!.submit()).resolves.toMatchObject({ submitted: true })
    await expect(jobs[0]!.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await app.noted('run 2')
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 10_000 })
    expect(app.notes.filter((text) => text.startsWith('run'))).toEqual(['run 2'])
  })

  test('with a gid of the caller gives one job too', async () => {
    const h = await openOwn('orders')
    const store = path === 'outbox' ? h : await openOwn('jobs')
    const app = await startApp({ databases: [h.database], store: store.database })
    await failNext(h, 'commitTransaction', { errorCode: 112, ...undone }, 2)
    let runs = 0
    await app.stepping.transaction(
      h.database,
      async (session, job) => {
        await order(h, session, `run ${++runs}`)
        job.addStep(app.note, 'the message')
      },
      { gid: 'message-1' },
    )
    expect(runs).toBe(3)
    await app.noted('the message')
    await app.settled()
    expect(app.notes.filter((text) => text === 'the message')).toHaveLength(1)
    expect(await h.skus()).toEqual(['run 3'])
  })
})

test('what arrives once may be sent again: a command survives the loss of its connection', async () => {
  const h = await openOwn('orders')
  await failNext(h, 'update', { closeConnection: true }, 2)
  const update = { q: { _id: 'here' }, u: { $set: { seen: true } }, upsert: true }
  await expect(h.database.run({ update: 'places', updates: [update] })).resolves.toMatchObject({
    n: 1,
  })
})

test('a write that the server refuses, or that no majority has, is no success', async () => {
  const h = await openOwn('orders')
  const twice = { insert: 'places', documents: [{ _id: 1 }, { _id: 1 }] }
  await expect(h.database.run(twice)).rejects.toMatchObject({ code: 11000 })
  const alone = { insert: 'places', documents: [{ _id: 2 }], writeConcern: { w: 7, wtimeout: 10 } }
  await expect(h.database.run(alone)).rejects.toMatchObject({ code: 100 })
})
