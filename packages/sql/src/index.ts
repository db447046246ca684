export { sqlDatabase, transactionLost } from './driver-database.ts'
export { isSqlContext, isSqlDatabase } from './sql-database.ts'
export type {
  AnySqlDatabase,
  CommittableSqlContext,
  SqlContext,
  SqlDatabase,
} from './sql-database.ts'
export type {
  BoundTransaction,
  CommittableTransaction,
  RunOptions,
  SqlDriver,
} from './sql-driver.ts'
export type {
  PrefixOptions,
  SchemaOptions,
  SqlDatabaseOptions,
  TablesOptions,
} from './sql-options.ts'
export {
  outcomeUnknown,
  overInCallback,
  transactionRolledBack,
  transactionUnusable,
} from './transaction-errors.ts'
export { numbered, rawSql, sql, toText } from './statement.ts'
export type { Execute, ExecuteLast, SqlResult, SqlValue, Statement } from './statement.ts'
export { prefixTables, schemaTables } from './table-name.ts'
export type { Tables } from './table-name.ts'
export { printMigrations } from './migration.ts'
export type { Migration, MigrationSet } from './migration.ts'
export type { Inserted, NotInserted, SqlDialect } from './dialect.ts'
export { mysql } from './mysql/index.ts'
export { postgres } from './postgres/index.ts'
export { durableCommit } from './postgres/durable.ts'
export { errorCode } from './postgres/errors.ts'
export { clock as sqliteClock } from './sqlite/clock.ts'
export { assertSqliteVersion } from './sqlite/version.ts'
export { sqlite } from './sqlite/index.ts'
