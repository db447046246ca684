import { setTimeout as delay } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { startMongo, type MongoServer } from './mongo.ts'

/** A replica set of several servers, the caller's own. */
export interface MongoSet extends AsyncDisposable {
  readonly url: string
  /** The server that takes writes now; waits for the end of an election. */
  primary(): Promise<MongoServer>
}

/** Elections within a few seconds instead of ten. */
const settings = { electionTimeoutMillis: 2_000, heartbeatIntervalMillis: 500 }

/** Starts three servers that replicate to each other. However this process ends, they end with it. */
export async function startMongoSet(): Promise<MongoSet> {
  const servers = await Promise.all([1, 2, 3].map(() => startMongo({ member: true })))
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  const hosts = servers.map(({ url }) => new URL(url).host)
  const members = hosts.map((host, _id) => ({ _id, host }))
  const set: MongoSet = {
    url: `mongodb://${hosts.join(',')}/?replicaSet=rs0`,
    async primary() {
      for (;;) {
        for (const server of servers) if (await isPrimary(server)) return server
        await delay(50)
      }
    },
    [Symbol.asyncDispose]: stop,
  }
  try {
    await using client = new MongoClient(servers[0]!.url)
    await client.db('admin').command({ replSetInitiate: { _id: 'rs0', members, settings } })
    await set.primary()
    return set
  } catch (error) {
    await stop()
    throw error
  }
}

async function isPrimary({ url }: MongoServer): Promise<boolean> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 500 })
  try {
    return (await client.db('admin').command({ hello: 1 }))['isWritablePrimary'] === true
  } catch {
    return false // it is down
  } finally {
    await client.close()
  }
}
