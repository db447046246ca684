import { defineStep, unchecked } from '@stepping/core'
import { startMongoSet } from '@stepping/test-support'
import type { MongoServer, MongoSet } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { paths, startApp } from './app.ts'
import { open, order } from './harness.ts'
import type { Harness } from './harness.ts'

let set: MongoSet
beforeAll(async () => {
  set = await startMongoSet()
})
afterAll(async () => {
  await set[Symbol.asyncDispose]()
})

/** How the primary stops to be one. */
const ends: Record<string, (primary: MongoServer) => Promise<void>> = {
  async 'is killed'(primary) {
    await primary.kill()
  },
  async 'steps down'({ url }) {
    const client = new MongoClient(url)
    // It may close the connection that tells it to.
    await client
      .db('admin')
      .command({ replSetStepDown: 5, force: true })
      .catch(() => {})
    await client.close()
  },
}

const cases = paths.flatMap((path) => Object.keys(ends).map((end) => [path, end] as const))

async function openOwn(name: string): Promise<Harness> {
  const url = set.url.replace('/?', `/${name}_${crypto.randomUUID().slice(0, 8)}?`)
  return await open({ name, url })
}

test.each(cases)(
  '%s: while the primary %s, what is committed is shipped once and nothing else is',
  { timeout: 120_000 },
  async (path, end) => {
    const h = await openOwn('orders')
    const store = path === 'outbox' ? h : await openOwn('jobs')
    await h.probe.createCollection('shipments')
    const ship = defineStep({
      name: 'Ship',
      args: unchecked<{ sku: string }>(),
      backoff: { firstMs: 100 },
      async run({ args, once }) {
        await once(h.database, async (session) => {
          await h.db.collection('shipments').insertOne({ sku: args.sku }, { session })
        })
      },
    })
    const { stepping } = await startApp({
      databases: [h.database],
      store: store.database,
      steps: [ship],
    })
    const forms: ((sku: string) => Promise<unknown>)[] = [
      (sku) =>
        stepping.transaction(h.database, async (session, job) => {
          await order(h, session, sku)
          job.addStep(ship, { sku })
        }),
      (sku) =>
        h.client.withSession((session) =>
          session.withTransaction(
            async () => {
              await order(h, session, sku)
              const job = stepping.createJob(h.database.context(session)).addStep(ship, { sku })
              await job.prepareAndInsertBarrier()
            },
            { writeConcern: { w: 'majority' } },
          ),
        ),
      (sku) =>
        h.client.withSession(async (session) => {
          session.startTransaction({ writeConcern: { w: 'majority' } })
          await order(h, session, sku)
          await stepping.createJob(h.database.context(session)).addStep(ship, { sku }).start()
        }),
    ]
    const told = { committed: [] as string[], rolledBack: [] as string[] }
    const enough = new AbortController()
    async function place(worker: number): Promise<void> {
      for (let n = 0; !enough.signal.aborted; n++) {
        const sku = `${worker}/${n}`
        await forms[n % forms.length]!(sku).then(
          () => told.committed.push(sku),
          (error: { code?: unknown }) => {
            if (error.code === 'TRANSACTION_ROLLED_BACK') told.rolledBack.push(sku)
          },
        )
      }
    }
    const placing = Array.from({ length: 6 }, (_, worker) => place(worker))
    await vi.waitFor(() => expect(told.committed.length).toBeGreaterThan(30), { timeout: 30_000 })
    const primary = await set.primary()
    await ends[end]!(primary)
    const before = told.committed.length
    await set.primary()
    await vi.waitFor(() => expect(told.committed.length).toBeGreaterThan(before + 30), {
      timeout: 60_000,
    })
    enough.abort()
    await Promise.all(placing)
    if (end === 'is killed') await primary.start()

    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), {
      timeout: 60_000,
      interval: 100,
    })
    const skus = (await h.skus()).map(String).toSorted()
    const shipped = await h.probe.collection('shipments').find().toArray()
    expect(shipped.map(({ sku }) => sku as string).toSorted()).toEqual(skus)
    expect(skus).toEqual(expect.arrayContaining(told.committed))
    expect(told.rolledBack.filter((sku) => skus.includes(sku))).toEqual([])
  },
)
