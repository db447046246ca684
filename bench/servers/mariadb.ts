import { startMariadb } from '@stepping/test-support'
import { execute, rowsOf } from '../databases/mysql.ts'
import type { Server } from '../server.ts'

const told = [
  'innodb_flush_log_at_trx_commit',
  'innodb_doublewrite',
  'innodb_buffer_pool_size',
  'innodb_log_file_size',
  'log_bin',
]

export async function startMariadbServer(): Promise<Server> {
  const server = await startMariadb({
    durable: true,
    settings: { 'innodb-buffer-pool-size': '512M', 'innodb-log-file-size': '1G' },
  })
  let databases = 0
  return {
    settings: await readSettings(server.url),
    async freshDatabase() {
      const name = `bench_${++databases}`
      await execute(server.url, `create database ${name}`)
      return {
        url: server.url + name,
        [Symbol.asyncDispose]: () => execute(server.url, `drop database ${name}`),
      }
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** @throws if the server would lose acknowledged commits. */
async function readSettings(url: string): Promise<string> {
  const rows = await rowsOf<{ Variable_name: string; Value: string }>(
    url,
    `show variables where Variable_name in ('version', ${told.map((name) => `'${name}'`).join()})`,
  )
  const found = new Map(rows.map((row) => [row.Variable_name, row.Value]))
  if (found.get('innodb_flush_log_at_trx_commit') !== '1') {
    throw new Error('innodb_flush_log_at_trx_commit is not 1.')
  }
  const settings = told.map((name) => `${name} ${found.get(name)}`)
  return `MariaDB ${found.get('version')}: ${settings.join(', ')}`
}
