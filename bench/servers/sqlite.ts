import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { open } from '../databases/sqlite.ts'
import type { Server } from '../server.ts'

/** No server: a folder with a file for each database. */
export async function startSqlite(): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'stepping-bench-'))
  const urlOf = (name: string): string => pathToFileURL(join(folder, `${name}.db`)).href
  let databases = 0
  return {
    settings: readSettings(urlOf('settings')),
    async freshDatabase() {
      return { url: urlOf(`bench_${++databases}`), [Symbol.asyncDispose]: async () => {} }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

function readSettings(url: string): string {
  const database = open(url)
  const version = database.prepare('select sqlite_version()').pluck().get() as string
  const [journal, synchronous] = ['journal_mode', 'synchronous'].map((name) =>
    database.pragma(name, { simple: true }),
  )
  database.close()
  if (synchronous !== 2) throw new Error(`synchronous is ${String(synchronous)}.`)
  return `SQLite ${version}: journal_mode ${String(journal)}, synchronous full`
}
