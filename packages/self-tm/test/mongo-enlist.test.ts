import { mongoJobStore } from '@stepping/self-tm'
import type { JobRecord } from '@stepping/core'
import { MongoClient } from 'mongodb'
import { describe, expect, onTestFinished, test } from 'vitest'
import { mongo } from '../../adapter-mongo/src/index.ts'
import {
  claimedGids,
  claimOne,
  jobOf,
  leaseMs,
  request,
  settle,
} from '../../conformance/src/index.ts'
import { useMongo } from './mongo-store.ts'
import type { MongoStore } from './mongo-store.ts'
import { replacing } from './replacing.ts'

const { open, client } = useMongo()

/** Stores the job in a transaction of its own. */
async function enlist({ store, database }: MongoStore, job: JobRecord): Promise<void> {
  await database.transaction(async (session) => {
    expect(await store.enlist(database.context(session), job)).toBe(true)
  })
}

describe('an enlisted job', () => {
  test('runs if its transaction commits, and nobody waits for that', async () => {
    const { store, database } = await open()
    const job = jobOf(['A'])
    await database.transaction(async (session) => {
      await store.enlist(database.context(session), job)
      expect(await claimedGids(store)).toEqual([])
    })
    expect(await claimedGids(store)).toEqual([job.gid])
  })

  test('goes away with its transaction', async () => {
    const { store, database, stored } = await open()
    const job = jobOf(['A'])
    const rolledBack = database.transaction(async (session) => {
      await store.enlist(database.context(session), job)
      throw new Error('changed my mind')
    })
    await expect(rolledBack).rejects.toThrow('changed my mind')
    expect(await stored(job.gid)).toBeNull()
  })

  test('under a gid that exists already is a duplicate', async () => {
    const opened = await open()
    const job = jobOf(['A'])
    await enlist(opened, job)
    await expect(enlist(opened, job)).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid: job.gid })
  })

  test('under a gid that another transaction stores waits for that one', async () => {
    const opened = await open()
    const job = jobOf(['A'], { callerGid: true })
    const enlisted = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const first = opened.database.transaction(async (session) => {
      await opened.store.enlist(opened.database.context(session), job)
      enlisted.resolve()
      await goOn.promise
    })
    await enlisted.promise
    const second = enlist(opened, job).catch((error: unknown) => error)
    goOn.resolve()
    await first
    expect(await second).toMatchObject({ code: 'JOB_DUPLICATE' })
  })

  test('that comes too late cannot be committed', async () => {
    const { store, database, stored } = await open()
    const job = jobOf(['A'], { notAfter: Date.now() - 60_000 })
    const swallowed = database.transaction(async (session) => {
      const refused = store.enlist(database.context(session), job)
      await expect(refused).rejects.toMatchObject({ code: 'BARRIER_EXPIRED', gid: job.gid })
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await stored(job.gid)).toBeNull()
  })

  test('of a session whose transaction is over is refused', async () => {
    const { store, database, stored } = await open()
    const job = jobOf(['A'])
    await using session = client().startSession()
    session.startTransaction()
    const context = database.context(session)
    await session.abortTransaction()
    await expect(store.enlist(context, job)).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
    expect(await stored(job.gid)).toBeNull()
  })

  test('whose texts begin with a dollar is stored as it is', async () => {
    const { store, jobs } = await open()
    const job = jobOf(['$state'], { app: '$app', gid: 'a.b:c' })
    await store.submit(job)
    expect(await jobs.findOne({ _id: job.gid })).toMatchObject({
      app: '$app',
      next_step: '$state',
      steps: '[["$state"]]',
    })
  })
})

describe('a transaction', () => {
  test('of another database is left alone', async () => {
    const { store } = await open()
    const other = await open()
    const identity = await other.database.identity()
    const job = jobOf(['A'], { database: { name: 'orders', identity } })
    await other.database.transaction(async (session) => {
      expect(await store.enlist(other.database.context(session), job)).toBe(false)
    })
    expect(await store.find(job.gid)).toBeNull()
  })

  test('of a copy, which has the identity and is another place, is left alone', async () => {
    const { store, database, prefix } = await open()
    const again = mongo(client().db(), { name: 'copy', prefix })
    const copy = replacing(again, { place: async () => 'elsewhere' })
    const identity = await database.identity()
    const job = jobOf(['A'], { database: { name: 'copy', identity } })
    await again.transaction(async (session) => {
      const context = { ...again.context(session), database: copy }
      expect(await store.enlist(context, job)).toBe(false)
    })
    expect(await claimedGids(store)).toEqual([])
  })

  test('of the same database through another client is recognised', async () => {
    const { store, database, url, prefix } = await open()
    const other = new MongoClient(url)
    onTestFinished(() => other.close())
    const again = mongo(other.db(client().db().databaseName), { name: 'again', prefix })
    const identity = await database.identity()
    const job = jobOf(['A'], { database: { name: 'again', identity } })
    await again.transaction(async (session) => {
      expect(await store.enlist(again.context(session), job)).toBe(true)
    })
    expect(await claimedGids(store)).toEqual([job.gid])
  })

  test('of something else than MongoDB is left alone', async () => {
    const { store } = await open()
    const context = { database: { dialect: 'postgres' }, assertUsable: async () => {} } as never
    expect(await store.enlist(context, jobOf(['A']))).toBe(false)
  })
})

describe('with a lease', () => {
  test('the job belongs to whoever stored it, under the token that was given', async () => {
    const { store, database } = await open()
    const job = jobOf(['A'])
    const held = [{ gid: job.gid, token: 41 }]
    await database.transaction(async (session) => {
      await store.enlist(database.context(session), job, { owner: 'me', leaseMs, token: 41 })
      // Which is how a commit that nobody confirmed is told from none.
      expect([...(await store.renew(held, leaseMs))]).toEqual([])
    })
    expect(await claimedGids(store)).toEqual([])
    expect([...(await store.renew(held, leaseMs))]).toEqual([job.gid])
  })

  test('in a long transaction it counts from the insert, not from the beginning', async () => {
    const { store, database, jobs } = await open()
    const job = jobOf(['A'])
    const insertedAt = await database.transaction(async (session) => {
      await jobs.findOne({}, { session })
      await jobs.findOne({ $where: 'sleep(200) || true' })
      const { localTime } = await client().db().command({ hello: 1 })
      await store.enlist(database.context(session), job, { owner: 'me', leaseMs, token: 1 })
      return (localTime as Date).getTime()
    })
    const { lease_until, due_at } = (await jobs.findOne({ _id: job.gid }))! as unknown as {
      lease_until: Date
      due_at: Date
    }
    expect(lease_until.getTime()).toBeGreaterThanOrEqual(insertedAt + leaseMs)
    expect(due_at.getTime()).toBeGreaterThanOrEqual(insertedAt)
  })

  test('a crash before it is begun leaves a job that others take when the lease runs out', async () => {
    const { store, database, pass } = await open()
    const job = jobOf(['A'])
    await database.transaction(async (session) => {
      await store.enlist(database.context(session), job, { owner: 'me', leaseMs, token: 1 })
    })
    await pass(leaseMs)
    expect(await claimOne(store)).toMatchObject({ gid: job.gid, token: 2, cursor: 0 })
  })
})

describe('when it finishes', () => {
  test('a job whose insert cannot arrive again is deleted, and its finish may be repeated', async () => {
    const opened = await open()
    const job = jobOf(['A'])
    await enlist(opened, job)
    const claim = await claimOne(opened.store)
    for (let i = 0; i < 2; i++) {
      expect(await settle(opened.store, claim, { to: 'finished' })).toBe('saved')
      expect(await opened.stored(job.gid)).toBeNull()
    }
    expect(await opened.history.countDocuments()).toBe(0)
    expect(await opened.store.find(job.gid)).toBeNull()
  })

  test.each([
    { why: 'whose gid is the caller’s', rest: { callerGid: true } },
    { why: 'that has a barrier row', rest: { byHand: true } },
  ])('a job $why is kept', async ({ rest }) => {
    const opened = await open()
    const job = jobOf(['A'], rest)
    await enlist(opened, job)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    expect(await opened.stored(job.gid)).toMatchObject({ state: 'finished' })
  })
})

describe('history', () => {
  const keepMs = 3_600_000

  test('shows a job that is done, with all its steps', async () => {
    const opened = await open({ history: { keepMs } })
    const job = jobOf(['A', 'B'])
    await enlist(opened, job)
    const claim = await claimOne(opened.store)
    await settle(opened.store, claim, { to: 'advanced', nextStep: 'B', leaseMs })
    for (let i = 0; i < 2; i++) {
      expect(await settle(opened.store, { ...claim, cursor: 1 }, { to: 'finished' })).toBe('saved')
    }
    expect(await opened.stored(job.gid)).toBeNull()
    expect(await opened.store.find(job.gid)).toMatchObject({
      gid: job.gid,
      app: 'shop',
      state: 'finished',
      running: false,
      lastError: null,
      steps: [
        { name: 'A', done: true },
        { name: 'B', done: true },
      ],
      finishedAt: expect.any(Date) as unknown,
    })
  })

  test('is listed with the finished jobs that were not moved', async () => {
    const opened = await open({ history: { keepMs } })
    const [moved, kept] = [jobOf(['A'], { gid: 'a' }), jobOf(['A'], { gid: 'b', callerGid: true })]
    await enlist(opened, moved)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    await opened.store.submit(kept)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    expect(await opened.history.distinct('_id')).toEqual(['a'])
    const page = { app: 'shop', state: 'finished', limit: 10, after: '' } as const
    expect(await opened.store.list(page)).toEqual([
      await opened.store.find('a'),
      await opened.store.find('b'),
    ])
  })

  test('takes no job that was taken away meanwhile', async () => {
    const opened = await open({ history: { keepMs } })
    const [mine, theirs] = [jobOf(['A']), jobOf(['A'])]
    await enlist(opened, mine)
    await enlist(opened, theirs)
    const { claims } = await opened.store.claim(request())
    await opened.jobs.updateOne({ _id: theirs.gid }, { $inc: { lease_token: 1 } })
    const results = await opened.store.settle(
      claims.map(({ gid, token, cursor }) => ({ gid, token, cursor, to: 'finished' })),
    )
    expect(Object.fromEntries(results)).toEqual({ [mine.gid]: 'saved', [theirs.gid]: 'lost' })
    expect(await opened.history.distinct('_id')).toEqual([mine.gid])
    expect(await opened.stored(theirs.gid)).toMatchObject({ state: 'submitted', cursor: 0 })
  })

  test('is kept as long as it was asked to be, and left alone by who keeps none', async () => {
    const opened = await open({ history: { keepMs } })
    const job = jobOf(['A'])
    await enlist(opened, job)
    await settle(opened.store, await claimOne(opened.store), { to: 'finished' })
    await opened.pass(keepMs - 60_000)
    expect(await opened.store.prune(10)).toBe(0)
    await opened.pass(60_001)
    expect(await mongoJobStore(opened.database).prune(10)).toBe(0)
    expect(await opened.store.prune(10)).toBe(1)
    expect(await opened.store.find(job.gid)).toBeNull()
  })
})
