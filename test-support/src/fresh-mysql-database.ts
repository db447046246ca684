import { randomBytes } from 'node:crypto'
import { createConnection, type Connection } from 'mysql2/promise'
import type { FreshDatabase } from './fresh-database.ts'

/** As `freshDatabase`, on MySQL or MariaDB. */
export async function freshMysqlDatabase(
  serverUrl: string,
  label = 'test',
): Promise<FreshDatabase> {
  const readable = label
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 30)
  const name = `stepping_${readable}_${randomBytes(6).toString('hex')}`
  await connected(serverUrl, (server) => server.query(`create database ${name}`))
  const url = new URL(serverUrl)
  url.pathname = name
  const drop = () =>
    connected(serverUrl, async (server) => {
      await disconnect(server, name)
      await server.query(`drop database if exists ${name}`)
    })
  return { url: url.href, drop, [Symbol.asyncDispose]: drop }
}

/** Dropping it would wait for transactions that are open there. */
async function disconnect(server: Connection, name: string): Promise<void> {
  const [rows] = await server.query(
    'select id as id from information_schema.processlist where db = ?',
    [name],
  )
  for (const { id } of rows as { id: number }[]) {
    await server.query(`kill ${id}`).catch(() => {}) // It left by itself meanwhile.
  }
}

async function connected(
  serverUrl: string,
  work: (server: Connection) => Promise<unknown>,
): Promise<void> {
  const connection = await createConnection(serverUrl)
  try {
    await work(connection)
  } finally {
    await connection.end()
  }
}

/** What the server says it is, for example `MariaDB 10.11.19` or `MySQL 8.4.3`. */
export async function describeMysql(serverUrl: string): Promise<string> {
  let described = ''
  await connected(serverUrl, async (server) => {
    const [rows] = await server.query('select version() as version')
    const { version } = (rows as { version: string }[])[0]!
    const product = version.includes('MariaDB') ? 'MariaDB' : 'MySQL'
    described = `${product} ${version.split('-')[0]}`
  })
  return described
}
