import { mongo } from '@stepping/adapter-mongo'
import { MongoClient } from 'mongodb'
import type { ClientSession } from 'mongodb'
import { sku } from '../business.ts'
import { probe, withDb } from '../databases/mongo.ts'
import type { Side } from '../side.ts'
import { steppingSide } from './stepping-side.ts'
import type { Beside } from './stepping-side.ts'

interface JobDocument {
  readonly _id: string
  readonly steps: string
}

const beside: Beside = {
  probe: probe('stepping_job', { state: { $in: ['prepared', 'submitted'] } }),
  prepare: (url) => withDb(url, async (db) => void (await db.createCollection('business'))),
  copy: (url, jobs) =>
    withDb(url, async (db) => {
      const collection = db.collection<JobDocument>('stepping_job')
      const original = (await collection.findOne({}))!
      const numbered = (n: number): JobDocument => ({
        ...original,
        _id: `copy-${`${n}`.padStart(9, '0')}`,
        steps: original.steps.replaceAll('"job":0', `"job":${n}`),
      })
      for (let from = 1; from < jobs; from += 10_000) {
        const some = Math.min(10_000, jobs - from)
        await collection.insertMany(Array.from({ length: some }, (_, n) => numbered(from + n)))
      }
    }),
}

export const steppingMongo: Side = steppingSide<ClientSession>(
  'stepping-mongo',
  'self-TM over adapter-mongo',
  beside,
  (url, maxPoolSize) => {
    const client = new MongoClient(url, { maxPoolSize })
    const db = client.db()
    const business = db.collection('business')
    return {
      database: mongo(db, { name: 'shop' }),
      insert: (session, job) => business.insertOne({ job, sku }, { session }),
      end: () => client.close(),
    }
  },
)
