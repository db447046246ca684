import { runChild, startDtm } from '@stepping/test-support'
import type { Child } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import { createConnection } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'

/** As `pnpm start`, but dead processes keep their jobs for a shorter time. */
function start(args: readonly string[], env: Record<string, string> = {}): Child {
  return runChild(new URL('../../examples/orders/main.ts', import.meta.url), {
    args,
    env: { LEASE_MS: '1000', DATABASE_URL: '', DTM_URL: '', ...env },
  })
}

async function expectAllObserved(example: Child): Promise<void> {
  const { code } = await example.exit
  const printed = [...example.lines, ...example.errorLines].join('\n')
  expect(code, `It printed:\n${printed}`).toBe(0)
}

// PGlite is what `pnpm start` takes, which is run by itself.
test.each(['postgres', 'mysql', 'sqlite', 'mongodb'])(
  'all that the example promises is observed on %s, which it brings itself',
  { timeout: 120_000 },
  async (database) => {
    await expectAllObserved(start(['--database', database]))
  },
)

test(
  'all that the example promises is observed with a DTM server, which it brings itself',
  { timeout: 180_000 },
  async () => {
    await expectAllObserved(start(['--tm', 'dtm']))
  },
)

test(
  'all that the example promises is observed with a DTM server that is named to it, and nothing of it is left open there',
  { timeout: 180_000 },
  async () => {
    await using server = await startDtm()
    await expectAllObserved(start(['--tm', 'dtm', '--database', 'sqlite'], { DTM_URL: server.url }))
    expect(await openJobs(server.url)).toEqual([])
  },
)

test.each([
  ['postgres', () => inject('postgresUrl'), postgresDatabases],
  ['mysql', () => inject('mysqlUrl'), mysqlDatabases],
  ['mongodb', () => inject('mongoUrl'), mongoDatabases],
] as const)(
  'the example leaves nothing on the %s server that is named to it',
  { timeout: 120_000 },
  async (database, serverUrl, list) => {
    const url = serverUrl()
    const before = await list(url)
    const example = start(['--database', database, '--serve'], { DATABASE_URL: url })
    await example.line((line) => line.includes('The shop takes orders'))
    const meanwhile = await list(url)
    const own = meanwhile.filter((name) => !before.includes(name) && name.includes('_shop_'))
    expect(own).toHaveLength(1)
    example.kill('SIGINT')
    await example.exit
    expect(await list(url)).not.toContain(own[0])
  },
)

test('a transaction manager that the example does not know is answered with those that it knows', async () => {
  const example = start(['--tm', 'seata'])
  expect((await example.exit).code).toBe(1)
  expect(example.errorLines.join('\n')).toContain('--tm takes self, dtm, and got seata.')
})

test('a database that the example does not know is answered with those that it knows', async () => {
  const example = start(['--database', 'oracle'])
  expect((await example.exit).code).toBe(1)
  expect(example.errorLines.join('\n')).toContain(
    '--database takes pglite, postgres, mysql, sqlite, mongodb, and got oracle.',
  )
})

/** The states of the jobs that are not over. */
async function openJobs(url: string): Promise<string[]> {
  const response = await fetch(`${url}/api/dtmsvr/all?limit=100`)
  const { transactions } = (await response.json()) as { transactions: { status: string }[] }
  expect(transactions).toHaveLength(3)
  return transactions.map(({ status }) => status).filter((status) => status !== 'succeed')
}

async function postgresDatabases(url: string): Promise<string[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ datname: string }>('select datname from pg_database')
  await client.end()
  return rows.map(({ datname }) => datname)
}

async function mysqlDatabases(url: string): Promise<string[]> {
  const connection = await createConnection(url)
  const [rows] = await connection.query<RowDataPacket[]>('show databases')
  await connection.end()
  return rows.map((row) => row['Database'] as string)
}

async function mongoDatabases(url: string): Promise<string[]> {
  await using client = new MongoClient(url)
  const { databases } = await client.db('admin').admin().listDatabases()
  return databases.map(({ name }) => name)
}
