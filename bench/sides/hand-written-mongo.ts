import { MongoClient } from 'mongodb'
import type { Db } from 'mongodb'
import { sku } from '../business.ts'
import { probe, withDb } from '../databases/mongo.ts'
import type { Run, Side } from '../side.ts'
import { looping } from './looping.ts'

const batch = 500
const loops = 2
const durable = { writeConcern: { w: 'majority', journal: true } } as const

interface OutboxDocument {
  readonly payload: string
  readonly step: number
  readonly lease_until: Date | null
  readonly claim?: string
}

export const handWrittenMongo: Side = {
  name: 'hand-written-mongo',
  about: `the driver alone, w majority and j true: one insertOne; ${loops} loops claim ${batch} documents with a lease, by updateMany, and delete them by deleteMany`,
  probe: probe('outbox', {}),
  install: (url) =>
    withDb(url, async (db) => {
      await db.createCollection('business')
      await db.createCollection('outbox')
    }),
  fill: (url, jobs) =>
    withDb(url, async (db) => {
      for (let from = 0; from < jobs; from += 10_000) {
        const some = Array.from({ length: Math.min(10_000, jobs - from) }, (_, n) =>
          waiting(from + n),
        )
        await outboxOf(db).insertMany(some, durable)
      }
    }),
  async open(url, { connections, steps, run }) {
    const client = new MongoClient(url, { maxPoolSize: connections })
    const db = client.db()
    const outbox = outboxOf(db)
    const business = db.collection('business')
    await db.command({ ping: 1 })
    const working = run && looping(loops, () => workOnce(db, steps, run))
    return {
      enqueue: (job) =>
        client.withSession((session) =>
          session.withTransaction(async () => {
            await business.insertOne({ job, sku }, { session })
            await outbox.insertOne(waiting(job), { session })
          }, durable),
        ),
      async close() {
        await working?.stop()
        await client.close()
      },
    }
  },
}

function outboxOf(db: Db) {
  return db.collection<OutboxDocument>('outbox')
}

function waiting(job: number): OutboxDocument {
  return { payload: JSON.stringify({ job }), step: 0, lease_until: null }
}

/** The count of an update does not say whose: what was claimed is found by the claim's name. */
async function workOnce(db: Db, steps: number, run: Run): Promise<boolean> {
  const outbox = outboxOf(db)
  const free = { $or: [{ lease_until: null }, { lease_until: { $lt: new Date() } }] }
  const projection = { _id: 1 }
  const seen = await outbox.find(free, { projection, sort: { _id: 1 }, limit: batch }).toArray()
  if (seen.length === 0) return false
  const claim = crypto.randomUUID()
  const theirs = { _id: { $in: seen.map(({ _id }) => _id) } }
  const lease_until = new Date(Date.now() + 10_000)
  await outbox.updateMany({ ...theirs, ...free }, { $set: { lease_until, claim } }, durable)
  const mine = await outbox.find({ ...theirs, claim }).toArray()
  const ids = { _id: { $in: mine.map(({ _id }) => _id) }, claim }
  for (let step = 0; step < steps; step++) {
    for (const { payload } of mine) await run(JSON.parse(payload).job, step)
    await (step + 1 < steps
      ? outbox.updateMany(ids, { $set: { step: step + 1, lease_until } }, durable)
      : outbox.deleteMany(ids, durable))
  }
  return true
}
