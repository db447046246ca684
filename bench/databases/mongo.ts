import { MongoClient } from 'mongodb'
import type { Db } from 'mongodb'
import type { Cost, Probe } from '../side.ts'

/** Work with a client of its own. */
export async function withDb<R>(url: string, work: (db: Db) => Promise<R>): Promise<R> {
  const client = new MongoClient(url)
  try {
    return await work(client.db())
  } finally {
    await client.close()
  }
}

/** @param left The documents of this collection that are jobs not yet done. */
export function probe(collection: string, left: object): Probe {
  return {
    left: (url) => withDb(url, (db) => db.collection(collection).countDocuments(left)),
    business: (url) =>
      withDb(url, (db) =>
        db
          .collection('business')
          .distinct('job')
          .then(({ length }) => length),
      ),
    meter: async (url) => () => cost(url),
  }
}

/** The server has its own counts of all: a few of its commands are its own. */
async function cost(url: string): Promise<Cost> {
  return await withDb(url, async (db) => {
    const { metrics, wiredTiger } = await db.admin().command({ serverStatus: 1 })
    const commands = metrics.commands as Record<string, { total?: number }>
    const statements = Object.entries(commands)
      .filter(([name]) => !own.has(name))
      .reduce((sum, [, { total = 0 }]) => sum + total, 0)
    return { statements, bytes: Number(wiredTiger.log['log bytes written']) }
  })
}

/** What drivers and servers send of themselves. */
const own = new Set([
  'hello',
  'isMaster',
  'ping',
  'serverStatus',
  'replSetHeartbeat',
  'endSessions',
])
