import { mongoJobStore } from '@stepping/self-tm'
import { startMongo } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import type { CommandStartedEvent } from 'mongodb'
import { describe, expect, onTestFinished, test } from 'vitest'
import { mongo } from '../../adapter-mongo/src/index.ts'
import type { Execute } from '../../adapter-mongo/src/index.ts'
import {
  claimNew,
  claimOne,
  ending,
  jobOf,
  leaseMs,
  request,
  settle,
  stepEndings,
  tiedJobOf,
} from '../../conformance/src/index.ts'
import { useMongo } from './mongo-store.ts'
import type { MongoStore } from './mongo-store.ts'
import { replacing } from './replacing.ts'

const { open } = useMongo()

const writes = ['update', 'delete', 'findAndModify', 'insert']

/** Notes how far each write waits for the journals of other servers. */
async function openWatched(): Promise<MongoStore & { concerns: () => unknown[] }> {
  const opened = await open()
  const { database } = opened
  const concerns: unknown[] = []
  const run: Execute = async (command) => {
    if (writes.includes(Object.keys(command)[0]!)) concerns.push(command['writeConcern'])
    return await database.run(command)
  }
  const store = mongoJobStore(replacing<typeof database>(database, { run }))
  return { ...opened, store, concerns: () => concerns.splice(0) }
}

const durable = { w: 'majority', j: true }

describe('a majority has in its journals', () => {
  test('what was prepared, submitted and claimed', async () => {
    const { store, concerns } = await openWatched()
    const job = tiedJobOf(['A'])
    await store.prepare(job)
    await store.submit(job)
    await store.submit(jobOf(['A']))
    await store.claim(request())
    expect(concerns()).toEqual([durable, durable, durable, durable])
  })

  test.each(stepEndings)('that an attempt $to', async (to) => {
    const { store, concerns } = await openWatched()
    const claim = await claimNew(store, 'A', 'B')
    concerns()
    await settle(store, claim, to)
    expect(new Set(concerns().map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify(durable)]),
    )
  })

  test('a renewal, by which a commit that nobody confirmed is proven', async () => {
    const { store, concerns } = await openWatched()
    const [first, second] = [await claimNew(store, 'A'), await claimNew(store, 'A')]
    concerns()
    await store.renew([first], leaseMs)
    await store.renew([first, second], leaseMs)
    expect(concerns()).toEqual([durable, durable])
  })

  test('what an operator does', async () => {
    const { store, concerns } = await openWatched()
    const claim = await claimNew(store, 'A')
    const other = jobOf(['A'])
    await store.submit(other)
    concerns()
    await store.retry(claim.gid)
    await store.end((await store.find(other.gid))!, 'cancelled')
    expect(concerns()).toEqual([durable, durable])
  })
})

test('a commit of the outbox waits for the journals of a majority', async () => {
  const opened = await open()
  const client = new MongoClient(opened.url, { monitorCommands: true })
  onTestFinished(() => client.close())
  const commits: unknown[] = []
  client.on('commandStarted', ({ commandName, command }: CommandStartedEvent) => {
    if (commandName === 'commitTransaction') commits.push(command['writeConcern'])
  })
  const database = mongo(client.db(), { name: 'orders', prefix: opened.prefix })
  await database.transaction(async (session) => {
    const identity = await database.identity()
    const job = jobOf(['A'], { database: { name: 'orders', identity } })
    expect(await opened.store.enlist(database.context(session), job)).toBe(true)
  })
  expect(commits).toMatchObject([durable])
})

test('a server that is killed right after an answer still has what it answered for', async () => {
  await using server = await startMongo()
  const client = new MongoClient(server.url)
  onTestFinished(() => client.close())
  const database = mongo(client.db('shop'), { name: 'orders' })
  await database.migrate()
  const store = mongoJobStore(database)
  await store.migrate()
  const [submitted, enlisted, finished] = [jobOf(['A']), jobOf(['A']), jobOf(['A'])]
  await store.submit(finished)
  const claim = await claimOne(store)
  await database.transaction((session) => store.enlist(database.context(session), enlisted))
  const [, settled] = await Promise.all([
    store.submit(submitted),
    store.settle([ending(claim, { to: 'finished' })]),
  ])
  expect(settled.get(finished.gid)).toBe('saved')
  await server.kill()
  await server.start()
  expect(await store.overview('shop')).toEqual({ prepared: 0, submitted: 2, parked: 0 })
  expect(await store.find(finished.gid)).toMatchObject({ state: 'finished' })
})
