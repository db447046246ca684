import { mongoJobStore } from '@stepping/self-tm'
import type { JobStore, SqlJobStoreOptions } from '@stepping/self-tm'
import { freshMongoDatabase } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import type { Collection, Document } from 'mongodb'
import { afterAll, beforeAll, inject } from 'vitest'
import { mongo } from '../../adapter-mongo/src/index.ts'
import type { MongoDatabase } from '../../adapter-mongo/src/index.ts'
import type { OpenStore } from '../../conformance/src/index.ts'

export interface Stored extends Document {
  readonly _id: string
}

export interface MongoStore extends OpenStore {
  readonly store: JobStore
  readonly database: MongoDatabase
  readonly url: string
  readonly prefix: string
  /** Past the adapter. */
  readonly jobs: Collection<Stored>
  readonly history: Collection<Stored>
}

/** One database for the tests of a file; each `open` has collections of its own in it. */
export function useMongo(): {
  readonly open: (options?: SqlJobStoreOptions) => Promise<MongoStore>
  readonly client: () => MongoClient
} {
  const fresh = { url: '', drop: async () => {} }
  let client: MongoClient
  let prefixes = 0

  beforeAll(() => {
    Object.assign(fresh, freshMongoDatabase(inject('mongoUrl'), 'job store'))
    client = new MongoClient(fresh.url)
  })

  afterAll(async () => {
    await fresh.drop()
    await client.close()
  })

  return {
    client: () => client,
    async open(options) {
      const prefix = `s${++prefixes}_`
      const database = mongo(client.db(), { name: 'orders', prefix })
      await database.migrate()
      const store = mongoJobStore(database, options)
      await store.migrate()
      const jobs = client.db().collection<Stored>(`${prefix}job`)
      const history = client.db().collection<Stored>(`${prefix}history`)
      return {
        store,
        database,
        url: fresh.url,
        prefix,
        jobs,
        history,
        inTransaction: (work) => database.transaction((session) => work(database.context(session))),
        async pass(ms) {
          const times = ['due_at', 'lease_until', 'created_at', 'finished_at']
          const older = times.map((field) => [field, earlier(field, ms)])
          for (const collection of [jobs, history]) {
            await collection.updateMany({}, [{ $set: Object.fromEntries(older) }])
          }
        },
        async stored(gid) {
          const job = await jobs.findOne({ _id: gid })
          if (!job) return null
          const { state, cursor, attempts, last_error: lastError = null } = job
          return { state, cursor, attempts, lastError }
        },
      }
    },
  }
}

function earlier(field: string, ms: number): object {
  const value = `$${field}`
  const isTime = { $eq: [{ $type: value }, 'date'] }
  const isAbsent = { $eq: [{ $type: value }, 'missing'] }
  const other = { $cond: [isAbsent, '$$REMOVE', value] }
  return { $cond: [isTime, { $subtract: [value, ms] }, other] }
}
