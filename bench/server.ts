import { startPostgres } from '@stepping/test-support'
import { Client } from 'pg'
import { execute } from './execute.ts'

export interface Server extends AsyncDisposable {
  /** For people: version, and what its durability hangs on, as it says itself. */
  readonly settings: string
  freshDatabase(): Promise<{ url: string } & AsyncDisposable>
}

const told = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size']

/** A PostgreSQL server that loses nothing it has acknowledged. */
export async function startServer(): Promise<Server> {
  const server = await startPostgres({
    durable: true,
    settings: {
      shared_buffers: '512MB',
      max_wal_size: '4GB',
      autovacuum_naptime: '10s',
      shared_preload_libraries: 'pg_stat_statements',
      'pg_stat_statements.track': 'none',
    },
  })
  const { url } = server
  let databases = 0
  return {
    settings: await readSettings(url),
    async freshDatabase() {
      const name = `bench_${++databases}`
      await execute(url, `create database ${name}`, 'checkpoint')
      return {
        url: url.replace(/[^/]*$/, name),
        [Symbol.asyncDispose]: () => execute(url, `drop database ${name} with (force)`),
      }
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** @throws if the server would lose acknowledged commits. */
async function readSettings(url: string): Promise<string> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ name: string; value: string }>(
    'select name, current_setting(name) as value from pg_settings where name = any($1)',
    [[...told, 'server_version']],
  )
  await client.end()
  const found = new Map(rows.map(({ name, value }) => [name, value]))
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    if (found.get(name) !== 'on') throw new Error(`${name} is ${found.get(name)}.`)
  }
  const settings = told.map((name) => `${name} ${found.get(name)}`)
  return `PostgreSQL ${found.get('server_version')}: ${settings.join(', ')}`
}
