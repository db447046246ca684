import { startDtm } from '@stepping/test-support'
import { execute, storeOf } from '../databases/postgres.ts'
import type { Server } from '../server.ts'
import { startPostgresServer } from './postgres.ts'

/** For each measurement a server of its own, whose transactions are in a second database beside the app's. */
export async function startDtmServer(): Promise<Server> {
  const postgres = await startPostgresServer()
  return {
    settings: await readSettings(),
    async freshDatabase() {
      const database = await postgres.freshDatabase()
      const store = storeOf(database.url)
      await execute(database.url, `create database ${new URL(store).pathname.slice(1)}`)
      const dtm = await startDtm({ postgresUrl: store })
      return {
        url: `${database.url}?dtm=${encodeURIComponent(dtm.url)}`,
        async [Symbol.asyncDispose]() {
          await dtm.stop()
          await database[Symbol.asyncDispose]()
        },
      }
    },
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  }
}

async function readSettings(): Promise<string> {
  await using dtm = await startDtm()
  // Where it lies on this machine is nobody's business.
  const [version] = dtm.source.split(' in ')
  return `${version}: one server, its transactions in the same PostgreSQL server as the app's database`
}
