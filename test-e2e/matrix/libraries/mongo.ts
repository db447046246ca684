import { mongo } from '@stepping/adapter-mongo'
import { MongoClient } from 'mongodb'
import type { ClientSession } from 'mongodb'
import type { Library, OpenLibrary, Row } from '../library.ts'

export const mongodb: Library = {
  async open(url, ref = { name: 'orders' }) {
    const client = new MongoClient(url)
    const db = client.db()
    const database = mongo(db, ref)
    const library: OpenLibrary<ClientSession> = {
      database,
      async createTables() {
        for (const collection of ['orders', 'ledger']) await db.createCollection(collection)
      },
      insert: async (session, table, row) =>
        void (await db.collection(table).insertOne({ ...row }, { session })),
      rows: async (table) =>
        await db
          .collection<Row>(table)
          .find({}, { projection: { _id: 0 } })
          .toArray(),
      async ownTransaction(work) {
        await using session = client.startSession()
        return await session.withTransaction(() => work(session, database.context(session)))
      },
      async begin() {
        const session = client.startSession()
        session.startTransaction()
        return { tx: session, end: () => session.endSession() }
      },
      close: () => client.close(),
    }
    return library
  },
}
