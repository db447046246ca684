import { commitProxy } from '@stepping/conformance'
import type {
  BarrierRow,
  DatabaseHarness,
  OnceRow,
  OpenDatabase,
  Probe,
  TransactionManagerHarness,
} from '@stepping/conformance'
import { selfTm } from '@stepping/self-tm'
import { freshMongoDatabase } from '@stepping/test-support'
import * as newestDriver from 'mongodb'
import type { ClientSession, Db, MongoClient } from 'mongodb'
import * as lowestDriver from 'mongodb-lowest'
import { inject } from 'vitest'
import { mongo } from '../src/index.ts'
import type { MongoDatabase } from '../src/index.ts'

type Data = DatabaseHarness<ClientSession, MongoDatabase>

interface Note {
  readonly text: string
}

type Driver = Pick<typeof newestDriver, 'MongoClient' | 'MongoError'>

export const newest = harness('the MongoDB driver', newestDriver)

export const lowest = harness('the MongoDB driver 6.5', lowestDriver)

const impatient = { pollMs: 50, leaseMs: 2_000, drainMs: 200, queryPreparedAfterMs: 300 }

type Manager = TransactionManagerHarness<ClientSession, MongoDatabase>

/** The jobs beside the data. */
export function outbox(data: Data): Manager {
  return {
    name: 'self-TM in the same database',
    data,
    async open({ database }) {
      const manager = () => selfTm({ database, ...impatient })
      await manager().migrate!()
      return { manager, enlists: { always: true }, close: async () => {} }
    },
  }
}

/** The jobs in another database of the server. */
export function twoPhases(data: Data): Manager {
  return {
    name: 'self-TM in another MongoDB database',
    data,
    async open() {
      const fresh = freshMongoDatabase(inject('mongoUrl'), 'jobs')
      const client = new newestDriver.MongoClient(fresh.url)
      const database = mongo(client.db(), { name: 'jobs' })
      await database.migrate()
      const manager = () => selfTm({ database, ...impatient })
      await manager().migrate!()
      return {
        manager,
        enlists: { lacking: 'the jobs are in another database' },
        async close() {
          await fresh.drop()
          await client.close()
        },
      }
    },
  }
}

function harness(name: string, driver: Driver): Data {
  return { name, open: () => openOver(driver) }
}

async function openOver({
  MongoClient,
  MongoError,
}: Driver): Promise<OpenDatabase<ClientSession, MongoDatabase>> {
  const fresh = freshMongoDatabase(inject('mongoUrl'), 'conformance')
  const raw = new newestDriver.MongoClient(fresh.url)
  const probed = raw.db()
  await probed.collection('notes').createIndex({ text: 1 }, { unique: true })
  const { hostname: host, port } = new URL(fresh.url)
  const proxy = await commitProxy({ host, port: Number(port) })
  const url = `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`
  const client = new MongoClient(url)
  return {
    ...opened(client, client.db(probed.databaseName), MongoError),
    loseCommit: (part) => proxy.lose(part),
    probe: probe(probed),
    async close() {
      await client.close()
      await fresh.drop()
      await raw.close()
      await proxy.close()
    },
  }
}

function opened(
  client: MongoClient,
  db: Db,
  MongoError: Driver['MongoError'],
): Omit<OpenDatabase<ClientSession, MongoDatabase>, 'loseCommit' | 'probe' | 'close'> {
  const notes = db.collection<Note>('notes')
  return {
    over: ({ name, tables }) =>
      mongo(db, { name, ...(tables !== undefined && { prefix: prefixOf(tables) }) }),
    write: (session, text) => notes.insertOne({ text }, { session }),
    read: async (session) => (await notes.find({}, { session }).toArray()).map(({ text }) => text),
    mistakes: {
      'the client': client,
      'the database': db,
      'a session without a transaction': client.startSession(),
      nothing: undefined,
    },
    async openByHand<R>(work: (session: ClientSession) => Promise<R>) {
      let value: R
      await client.withSession((session) =>
        session.withTransaction(async () => {
          value = await work(session)
        }),
      )
      return value!
    },
    async begin() {
      const session = client.startSession()
      session.startTransaction()
      return {
        tx: session,
        commit: () => session.commitTransaction(),
        end: () => session.endSession(),
      }
    },
    savepoint: { lacking: 'MongoDB has none' },
    async doom(session) {
      await notes.insertMany([{ text: 'doom' }, { text: 'doom' }], { session })
    },
    rollback: { lacking: 'MongoDB has no statement for it' },
    async failOnce() {
      const error = new MongoError('as after an election')
      error.addErrorLabel('TransientTransactionError')
      throw error
    },
  }
}

function prefixOf(tables = 'stepping'): string {
  return `${tables}_`
}

function probe(db: Db): Probe {
  return {
    rows: async () => (await db.collection<Note>('notes').find().toArray()).map(({ text }) => text),
    barrier: async (gid, tables) =>
      await db
        .collection(`${prefixOf(tables)}barrier`)
        .find({ gid })
        .project<BarrierRow>({ _id: 0, create_time: 0, identity: 0 })
        .toArray(),
    async once(gid, tables) {
      const rows = await db
        .collection(`${prefixOf(tables)}once`)
        .find({ gid })
        .toArray()
      return rows.map(({ step, key, owner, value = null, over_at }): OnceRow => {
        return { step, key, owner, value, over: over_at !== undefined }
      })
    },
    async age(ms, tables) {
      const older = (field: string): object => ({
        [field]: {
          $cond: [
            { $eq: [{ $type: `$${field}` }, 'date'] },
            { $subtract: [`$${field}`, ms] },
            '$$REMOVE',
          ],
        },
      })
      await db
        .collection(`${prefixOf(tables)}barrier`)
        .updateMany({}, [{ $set: older('create_time') }])
      await db
        .collection(`${prefixOf(tables)}once`)
        .updateMany({}, [{ $set: { ...older('created_at'), ...older('over_at') } }])
    },
  }
}
