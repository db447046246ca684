import { startMongo } from '@stepping/test-support'
import { withDb } from '../databases/mongo.ts'
import type { Server } from '../server.ts'

export async function startMongodbServer(): Promise<Server> {
  const server = await startMongo()
  let databases = 0
  return {
    settings: await readSettings(server.url),
    async freshDatabase() {
      const url = server.url.replace('/?', `/bench_${++databases}?`)
      return {
        url,
        [Symbol.asyncDispose]: () => withDb(url, async (db) => void (await db.dropDatabase())),
      }
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** @throws if the server would lose acknowledged commits. */
async function readSettings(url: string): Promise<string> {
  return await withDb(url, async (db) => {
    const admin = db.admin()
    const { version } = await admin.command({ buildInfo: 1 })
    const { config } = await admin.command({ replSetGetConfig: 1 })
    const { storageEngine } = await admin.command({ serverStatus: 1 })
    const journaled = config.writeConcernMajorityJournalDefault as boolean
    if (!journaled || storageEngine.persistent !== true) {
      throw new Error('What a majority of MongoDB acknowledges is not in its journal.')
    }
    return `MongoDB ${version}: replica set of ${config.members.length}, w majority, j true, writeConcernMajorityJournalDefault ${journaled}, ${storageEngine.name}`
  })
}
