import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'

/** Where this run's shop keeps its tables; gone when the run is over. */
export interface Storage extends AsyncDisposable {
  /** For people. */
  readonly description: string
  /** What `database.ts` reads. */
  readonly env: Readonly<Record<string, string>>
}

/** Two schemas in the PostgreSQL of DATABASE_URL, else an embedded database in a temporary folder. */
export async function freshStorage(): Promise<Storage> {
  const { DATABASE_URL } = process.env
  return await (DATABASE_URL ? inPostgres(DATABASE_URL) : inFolder())
}

async function inPostgres(url: string): Promise<Storage> {
  const schema = `shop_${randomBytes(4).toString('hex')}`
  await execute(url, `create schema ${schema}`).catch((cause: unknown) => {
    throw new Error('The PostgreSQL of DATABASE_URL cannot be used.', { cause })
  })
  return {
    description: `the PostgreSQL of DATABASE_URL (schemas ${schema} and ${schema}_stepping)`,
    env: { DATABASE_URL: url, SHOP_SCHEMA: schema },
    [Symbol.asyncDispose]: () =>
      execute(url, `drop schema if exists ${schema}, ${schema}_stepping cascade`),
  }
}

async function inFolder(): Promise<Storage> {
  const folder = await mkdtemp(join(tmpdir(), 'stepping-orders-'))
  return {
    description: 'PGlite, an embedded PostgreSQL, in a temporary folder',
    env: { DATABASE_FOLDER: folder },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
