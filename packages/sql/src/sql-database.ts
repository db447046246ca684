import type { CommittableContext, Database, DbContext } from '@stepping/core'
import type { SqlDialect } from './dialect.ts'
import type { MigrationSet } from './migration.ts'
import type { RunOptions, SqlDriver } from './sql-driver.ts'
import type { Execute, ExecuteLast, SqlResult, Statement } from './statement.ts'
import type { Tables } from './table-name.ts'

/** An open transaction that statements can be run in. */
export interface SqlContext extends DbContext {
  readonly execute: Execute
  /** What every insert that may outlive the transaction has to require; see `SqlDialect.isOpen`. */
  readonly open: Statement
  /** Present where this library opened the transaction, and so commits it. */
  readonly executeLast?: ExecuteLast
}

export type CommittableSqlContext = SqlContext & CommittableContext

export const brand: unique symbol = Symbol.for('@stepping/sql.database/1')

/** A SQL database with or without its library's types: what stores are built over. */
export interface AnySqlDatabase extends Omit<
  Database<never, SqlContext>,
  'transaction' | 'context'
> {
  readonly [brand]: true
  readonly tables: Tables
  readonly sqlDialect: SqlDialect
  /** One statement on a connection of its own, committed when it resolves. */
  run(statement: Statement, options?: RunOptions): Promise<SqlResult>
  /** Statements in one transaction of their own, committed when it resolves. */
  batch(statements: readonly Statement[]): Promise<readonly SqlResult[]>
  /** Statements in one READ COMMITTED transaction of their own, committed when it resolves. */
  atomically<R>(work: (execute: Execute) => Promise<R>): Promise<R>
  /**
   * Resolves if the tables of this set are there in the version that this code knows; asked until
   * that is so, then remembered.
   *
   * @throws SteppingError as `identity`.
   */
  assertMigrated(set: MigrationSet, context?: DbContext): Promise<void>
  migrateSet(set: MigrationSet): Promise<void>
  /** Which server and which of its databases this is; undefined where that cannot be said. A copy is another place. */
  place(): Promise<string | undefined>
  readonly listen?: SqlDriver<never, unknown>['listen']
}

export interface SqlDatabase<Tx, O, C extends SqlContext = SqlContext>
  extends AnySqlDatabase, Database<Tx, C, O> {}

/** Recognised by a brand: two installed copies of this package have two classes. */
export function isSqlDatabase(database: object): database is AnySqlDatabase {
  return brand in database
}

/** Whether the context can run SQL statements. */
export function isSqlContext(context: DbContext): context is SqlContext {
  return isSqlDatabase(context.database)
}
