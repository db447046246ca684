export { isSqlContext, isSqlDatabase, sqlDatabase } from './sql-database.ts'
export type {
  AnySqlDatabase,
  SqlContext,
  SqlDatabase,
  SqlDatabaseOptions,
  SqlDriver,
} from './sql-database.ts'
export { rawSql, sql, toText } from './statement.ts'
export type { Execute, SqlResult, SqlValue, Statement } from './statement.ts'
export { postgresTables } from './table-name.ts'
export type { Tables } from './table-name.ts'
export { printMigrations } from './migration.ts'
export type { Migration, MigrationSet } from './migration.ts'
export type { Inserted, SqlDialect } from './dialect.ts'
export { postgres } from './postgres/index.ts'
export { durableCommit } from './postgres/durable.ts'
export { errorCode, isRolledBackByServer } from './postgres/errors.ts'
