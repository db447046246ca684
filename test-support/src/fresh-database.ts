import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

export interface FreshDatabase extends AsyncDisposable {
  url: string
  /** Removes the database; whoever is still connected to it is disconnected. */
  drop(): Promise<void>
}

/** Creates an empty database that nobody else uses. The label shows up in its name, for whoever looks at the server. */
export async function freshDatabase(serverUrl: string, label = 'test'): Promise<FreshDatabase> {
  const readable = label
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 30)
  const name = `stepping_${readable}_${randomBytes(6).toString('hex')}`
  await execute(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = name
  const drop = () => execute(serverUrl, `drop database if exists ${name} with (force)`)
  return { url: url.href, drop, [Symbol.asyncDispose]: drop }
}

async function execute(serverUrl: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
