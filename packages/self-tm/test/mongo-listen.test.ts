import { createStepping, defineStep, unchecked } from '@stepping/core'
import type { Stepping } from '@stepping/core'
import { mongoJobStore, selfTm } from '@stepping/self-tm'
import { startMongo } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import { expect, onTestFinished, test, vi } from 'vitest'
import { mongo } from '../../adapter-mongo/src/index.ts'
import type { MongoDatabase } from '../../adapter-mongo/src/index.ts'
import { useMongo } from './mongo-store.ts'
import { pause } from './work.ts'

const { open } = useMongo()

const never = (): void => {
  throw new Error('The stream is lost.')
}

test('another process hears that there is work, at once, and only that of its app', async () => {
  const { store, database } = await open()
  const heard = vi.fn<() => void>()
  const close = await mongoJobStore(database).listen!('shop', heard, never)
  onTestFinished(close)
  await store.notify!('market')
  await store.notify!('shop')
  await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), { timeout: 5_000 })
  await store.notify!('shop')
  await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), { timeout: 5_000 })
})

test('what is told right after the listening began is heard', async () => {
  const { store } = await open()
  for (let round = 0; round < 20; round++) {
    const heard = Promise.withResolvers<void>()
    const close = await store.listen!('shop', heard.resolve, never)
    await store.notify!('shop')
    await heard.promise
    await close()
  }
})

test('closed, it hears nothing more, and that is no loss', async () => {
  const { store } = await open()
  const [heard, lost] = [vi.fn<() => void>(), vi.fn<() => void>()]
  const close = await store.listen!('shop', heard, lost)
  const began = performance.now()
  await close()
  expect(performance.now() - began).toBeLessThan(1_000)
  const control = Promise.withResolvers<void>()
  const closeControl = await store.listen!('shop', control.resolve, never)
  await store.notify!('shop')
  await control.promise
  await closeControl()
  expect(heard).not.toHaveBeenCalled()
  expect(lost).not.toHaveBeenCalled()
})

test('the only connection of a client is left to what has to be done', async () => {
  const { url, prefix } = await open()
  const client = new MongoClient(url, { maxPoolSize: 1 })
  onTestFinished(() => client.close())
  const database = mongo(client.db(), { name: 'orders', prefix })
  const done = Promise.withResolvers<void>()
  const finish = defineStep({ name: 'Finish', run: async () => done.resolve() })
  const stepping = createStepping({
    app: 'shop',
    tm: selfTm({ database }),
    databases: [database],
    steps: [finish],
  })
  onTestFinished(() => stepping.close())
  await stepping.start()
  // A stream would hold it for half a minute at a time.
  for (let i = 0; i < 3; i++) {
    await stepping.transaction(database, async (_session, job) => void job.addStep(finish))
  }
  await done.promise
}, 10_000)

test('a process that works at a backlog has no stream, and hears of jobs again once that is done', async () => {
  const { url, prefix } = await open()
  const client = new MongoClient(url, { monitorCommands: true })
  const other = new MongoClient(url)
  onTestFinished(async () => void (await Promise.all([client.close(), other.close()])))
  const streams = { opened: 0, ended: 0 }
  client.on('commandStarted', ({ commandName, command }) => {
    if (commandName === 'aggregate' && command['pipeline'][0]?.$changeStream) streams.opened++
    if (commandName === 'killCursors') streams.ended++
  })
  const seen = new Map<number, PromiseWithResolvers<void>>()
  const done = (job: number): PromiseWithResolvers<void> => {
    if (!seen.has(job)) seen.set(job, Promise.withResolvers())
    return seen.get(job)!
  }
  const work = defineStep({
    name: 'Work',
    args: unchecked<{ job: number }>(),
    async run({ args: { job } }) {
      await pause(20)
      done(job).resolve()
    },
  })
  const [there, here] = [other, client].map((each) =>
    mongo(each.db(), { name: 'orders', prefix }),
  ) as [MongoDatabase, MongoDatabase]
  const steppingOver = (database: MongoDatabase, execute: boolean): Stepping =>
    createStepping({
      app: 'shop',
      // What is found is found because of what was heard.
      tm: selfTm({ database, concurrency: 2, pollMs: 600_000 }),
      databases: [database],
      steps: [work],
      execute,
    })
  const adding = steppingOver(there, false)
  const working = steppingOver(here, true)
  onTestFinished(async () => void (await Promise.all([adding.close(), working.close()])))
  const add = (job: number): Promise<void> =>
    adding.transaction(there, async (_session, added) => {
      added.addStep(work, { job })
    })
  await adding.start()
  for (let job = 0; job < 100; job++) await add(job)
  await working.start()
  await done(70).promise
  expect(streams).toEqual({ opened: 1, ended: 1 })
  await done(99).promise
  await add(100)
  await done(100).promise
  expect(streams).toEqual({ opened: 2, ended: 1 })
})

test('with few connections the stream goes on: one that was ended keeps its own until the next write', async () => {
  const { url, prefix } = await open()
  const endsItWith = async (maxPoolSize: number): Promise<unknown> => {
    const client = new MongoClient(url, { maxPoolSize })
    onTestFinished(() => client.close())
    return mongoJobStore(mongo(client.db(), { name: 'orders', prefix })).listeningCosts
  }
  expect(await endsItWith(1)).toBe(false)
  expect(await endsItWith(4)).toBe(false)
  expect(await endsItWith(5)).toBe(true)
  expect(await endsItWith(0)).toBe(true)
})

test('a stream that cannot go on says so, once, and another one can be opened', async () => {
  await using server = await startMongo()
  const client = new MongoClient(`${server.url}&serverSelectionTimeoutMS=500`)
  onTestFinished(() => client.close())
  const database = mongo(client.db('shop'), { name: 'orders' })
  await database.migrate()
  const store = mongoJobStore(database)
  await store.migrate()
  const lost = vi.fn<() => void>()
  await store.listen!('shop', () => {}, lost)
  await store.notify!('shop')
  await server.kill()
  await vi.waitFor(() => expect(lost).toHaveBeenCalledTimes(1), { timeout: 20_000 })
  await server.start()
  const heard = Promise.withResolvers<void>()
  const close = await store.listen!('shop', heard.resolve, never)
  await store.notify!('shop')
  await heard.promise
  await close()
  expect(lost).toHaveBeenCalledTimes(1)
})
