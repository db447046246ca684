import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
import type { FreshDatabase } from './fresh-database.ts'

/** Names an empty database that nobody else uses. The label shows up in its name, for whoever looks at the server. */
export function freshMongoDatabase(serverUrl: string, label = 'test'): FreshDatabase {
  const readable = label
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 30)
  const name = `stepping_${readable}_${randomBytes(6).toString('hex')}`
  const url = withDatabase(serverUrl, name)
  const drop = async (): Promise<void> => {
    await using client = new MongoClient(url)
    await client.db(name).dropDatabase()
  }
  return { url, drop, [Symbol.asyncDispose]: drop }
}

/** By hand, because a URL with several hosts is none for the class URL. */
function withDatabase(serverUrl: string, name: string): string {
  const [, server = serverUrl, query = ''] = /^([^/]+\/\/[^/?]+)[^?]*\??(.*)$/.exec(serverUrl) ?? []
  const options = new URLSearchParams(query)
  // The login stays where the server keeps it; without a word it would be looked for in the new database.
  if (server.includes('@') && !options.has('authSource')) options.set('authSource', 'admin')
  return `${server}/${name}?${options.toString()}`
}
