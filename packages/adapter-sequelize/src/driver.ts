import type { DatabaseLimits } from '@stepping/core'
import type { SqlDialect, SqlDriver, SqlResult, Statement } from '@stepping/sql'

/**
 * What differs between the drivers under Sequelize. This library's statements go to the driver's own
 * connection: Sequelize would log, retry and convert them as it does the user's.
 */
export interface SequelizeDriver {
  readonly dialect: SqlDialect
  readonly address: string
  readonly limits: DatabaseLimits
  /** Whether what is sent on a connection of the pool now commits by itself, as far as it shows. */
  isIdle(connection: object): boolean
  run(connection: object, statement: Statement): Promise<SqlResult>
  /** Watches over the transaction that is open on a connection. */
  guard(connection: object): TransactionGuard
  readonly listen?: SqlDriver<never, unknown>['listen']
}

export interface TransactionGuard {
  /** Why the transaction cannot be used any more; undefined when it can, as far as it shows. */
  unusable(): string | undefined
  execute(statement: Statement): Promise<SqlResult>
  /** @throws SteppingError `TRANSACTION_LOST` where the server says that none is open. */
  assertOpen(): Promise<void>
  /** Sequelize's COMMIT was sent; `error` is what it rejected with. Throws unless it committed. */
  assertCommitted(error?: unknown): void
  /** As `DbContext.provedCommit`. */
  provedCommit(): boolean
}
