import type { Statement } from '@stepping/sql'
import type { SqliteDriver, SqliteInternals } from './sqlite-driver.ts'
import { libsqlFile } from './libsql-file.ts'
import { libsqlServer } from './libsql-server.ts'
import type { LibsqlClient } from './libsql-client.ts'

export function libsql(
  db: SqliteInternals,
  connect: (() => unknown) | undefined,
  meta: Statement,
): SqliteDriver {
  const client = db.$client as LibsqlClient
  if (client.protocol !== 'file') return libsqlServer(db, client, meta)
  return libsqlFile(db, client, connect as (() => LibsqlClient) | undefined)
}
