import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tell } from './terminal.ts'

export const databaseNames = ['pglite', 'postgres', 'mysql', 'sqlite', 'mongodb'] as const
export type DatabaseName = (typeof databaseNames)[number]

/** Where this run's shop keeps its tables; gone when the run is over. */
export interface Storage extends AsyncDisposable {
  /** For people. */
  readonly description: string
  /** What `database.ts` and the file it loads read. */
  readonly env: Readonly<Record<'DATABASE' | 'DATABASE_URL', string>>
}

export async function freshStorage(name: DatabaseName): Promise<Storage> {
  switch (name) {
    case 'pglite':
      return await inFolder(name, 'PGlite, an embedded PostgreSQL')
    case 'sqlite':
      return await inFolder(name, 'SQLite')
    case 'postgres':
    case 'mysql':
    case 'mongodb':
      return await onServer(name)
  }
}

async function inFolder(name: DatabaseName, product: string): Promise<Storage> {
  const folder = await mkdtemp(join(tmpdir(), 'stepping-orders-'))
  return {
    description: `${product}, in a temporary folder`,
    env: { DATABASE: name, DATABASE_URL: join(folder, 'data') },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

/** A database of its own, on the server of DATABASE_URL or on one that is started for this run. */
async function onServer(name: 'postgres' | 'mysql' | 'mongodb'): Promise<Storage> {
  const support = await import('@stepping/test-support')
  const { product, startable, start, fresh } = {
    postgres: {
      product: 'PostgreSQL',
      startable: 'PostgreSQL',
      start: support.startPostgres,
      fresh: support.freshDatabase,
    },
    mysql: {
      product: 'MySQL or MariaDB',
      startable: 'MariaDB',
      start: support.startMariadb,
      fresh: support.freshMysqlDatabase,
    },
    mongodb: {
      product: 'MongoDB',
      startable: 'MongoDB',
      start: support.startMongo,
      fresh: support.freshMongoDatabase,
    },
  }[name]

  const { DATABASE_URL } = process.env
  if (DATABASE_URL) {
    const shop = await Promise.resolve(fresh(DATABASE_URL, 'shop')).catch((cause: unknown) => {
      throw new Error(`The ${product} of DATABASE_URL cannot be used.`, { cause })
    })
    return {
      description: `the ${product} of DATABASE_URL, in a database that is dropped at the end`,
      env: { DATABASE: name, DATABASE_URL: shop.url },
      [Symbol.asyncDispose]: () => shop.drop(),
    }
  }

  tell(`${startable} is started for this run; DATABASE_URL can name a server that is there ...`)
  const server = await start()
  const { url } = await fresh(server.url, 'shop')
  return {
    description: `${startable}, ${server.source}`,
    env: { DATABASE: name, DATABASE_URL: url },
    // With all that is in it.
    [Symbol.asyncDispose]: () => server.stop(),
  }
}
