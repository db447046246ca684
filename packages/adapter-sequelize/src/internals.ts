import type { Sequelize, Transaction } from 'sequelize'

/** What Sequelize's types keep internal and this adapter reads. */
export interface TransactionInternals {
  readonly sequelize: unknown
  readonly connection?: object
  /** Of a savepoint. */
  readonly parent?: Transaction
  /** Set before the COMMIT or ROLLBACK is sent. */
  readonly finished?: string
  readonly options: object
}

export function internalsOf(transaction: Transaction): TransactionInternals {
  return transaction as unknown as TransactionInternals
}

/** Of a savepoint, the transaction that it is in. */
export function rootOf(transaction: Transaction): Transaction {
  const { parent } = internalsOf(transaction)
  return parent ? rootOf(parent) : transaction
}

/** Where it connects to; with replication, to write. */
export interface ConnectionConfig {
  readonly username?: string
  readonly host?: string
  readonly port?: number | string
  readonly database?: string
  readonly native?: boolean
  /** A file, in SQLite. */
  readonly storage?: string
  readonly replication?: { readonly write?: ConnectionConfig } | false
}

interface ManagerInternals {
  readonly config: ConnectionConfig
  /** With the hooks around, which may give passwords. Not in the pool. */
  _connect(config: ConnectionConfig): Promise<object>
}

export function configOf(db: Sequelize): ConnectionConfig {
  const { config } = managerOf(db)
  return (config.replication && config.replication.write) || config
}

/** A connection beside the pool. */
export async function connectBeside(db: Sequelize): Promise<object> {
  // oxlint-disable-next-line no-underscore-dangle -- its public form leaves out the hooks
  return await managerOf(db)._connect(configOf(db))
}

function managerOf({ connectionManager }: Sequelize): ManagerInternals {
  return connectionManager as unknown as ManagerInternals
}

/**
 * Sequelize keeps the driver's error under a name of its own; everybody else looks for the cause. An
 * error without one is that the pool gave no connection in time.
 */
export function withCause(error: unknown): unknown {
  if (!(error instanceof Error) || error.cause !== undefined || !('parent' in error)) return error
  const { parent } = error
  const cause =
    error.name === 'SequelizeConnectionAcquireTimeoutError'
      ? Object.assign(new Error(error.message), { code: 'ETIMEDOUT' })
      : parent
  Object.defineProperty(error, 'cause', { value: cause, configurable: true })
  return error
}
