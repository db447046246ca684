import { startPostgres } from '@stepping/test-support'
import { execute, rowsOf } from '../databases/postgres.ts'
import type { Server } from '../server.ts'

const told = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size']

export async function startPostgresServer(): Promise<Server> {
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
        // A side may have made a second one, of a name that begins so.
        async [Symbol.asyncDispose]() {
          const mine = `select datname as name from pg_database where datname in ('${name}', '${name}_store')`
          for (const { name: each } of await rowsOf<{ name: string }>(url, mine)) {
            await execute(url, `drop database ${each} with (force)`)
          }
        },
      }
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** @throws if the server would lose acknowledged commits. */
async function readSettings(url: string): Promise<string> {
  const names = [...told, 'server_version'].map((name) => `'${name}'`).join()
  const rows = await rowsOf<{ name: string; value: string }>(
    url,
    `select name, current_setting(name) as value from pg_settings where name in (${names})`,
  )
  const found = new Map(rows.map(({ name, value }) => [name, value]))
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    if (found.get(name) !== 'on') throw new Error(`${name} is ${found.get(name)}.`)
  }
  const settings = told.map((name) => `${name} ${found.get(name)}`)
  return `PostgreSQL ${found.get('server_version')}: ${settings.join(', ')}`
}
