import { mysql, postgres, printMigrations, sqlite } from '@stepping/sql'
import type { SqlDialect, TablesOptions } from '@stepping/sql'
import { mysqlStatements } from './store/mysql/index.ts'
import { postgresStatements } from './store/postgres/index.ts'
import { sqliteStatements } from './store/sqlite/index.ts'

export interface PrintSchemaOptions extends TablesOptions {
  /** Default `postgres`. */
  readonly dialect?: SqlDialect['name']
}

const parts = {
  postgres: { dialect: postgres, statements: postgresStatements },
  mysql: { dialect: mysql, statements: mysqlStatements },
  sqlite: { dialect: sqlite, statements: sqliteStatements },
}

/** The DDL that `migrate()` applies to an empty database, for those who put it into migrations of their own. */
export function printSchema({
  dialect: name = 'postgres',
  ...where
}: PrintSchemaOptions = {}): string {
  const { dialect, statements } = parts[name]
  return printMigrations(dialect, dialect.tables(where), [
    dialect.migrations,
    statements.migrations,
  ])
}
