import type { DatabaseLimits } from '@stepping/core'
import type { Execute, SqlDialect, SqlDriver, SqlResult, Statement } from '@stepping/sql'

/** Why a transaction cannot be used that has ended. */
export const over = 'it is over'

/**
 * What differs between the drivers under Sequelize. This library's statements go to the driver's own
 * connection: Sequelize would log, retry and convert them as it does the user's.
 */
export interface SequelizeDriver {
  readonly dialect: SqlDialect
  readonly address: string
  readonly limits: DatabaseLimits
  /** As `SqlDriver.run`. */
  run(statement: Statement): Promise<SqlResult>
  /**
   * Watches over the transaction that is open on a connection; `opened`: by this adapter; `isOwn`: nobody else sends
   * anything in it.
   */
  guard(connection: object, opened: boolean, isOwn: boolean): TransactionGuard
  readonly listen?: SqlDriver<never, unknown>['listen']
}

export interface TransactionGuard {
  /** Why the transaction cannot be used any more; undefined when it can, as far as it shows. */
  unusable(): string | undefined
  readonly execute: Execute
  /** @throws SteppingError `TRANSACTION_LOST` where the server says that none is open. */
  assertOpen(): Promise<void>
  /** The last thing before Sequelize's COMMIT. Where that is answered COMMIT in any case, the real one. */
  beforeCommit(): Promise<void>
  /** Sequelize has settled; `error` is what it rejected with. Throws unless it committed. */
  assertCommitted(error?: unknown): void
  /** As `DbContext.provedCommit`. */
  provedCommit(): boolean
}
