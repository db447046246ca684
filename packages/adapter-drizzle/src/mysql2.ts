import { mysql2Driver } from '@stepping/sql/mysql2'
import type { PooledConnection, Mysql2Driver } from '@stepping/sql/mysql2'

/** What Drizzle's types keep internal and this adapter reads, of a database or of a transaction. */
export interface Mysql2Internals {
  readonly dialect: object
  readonly session: Session
}

/** Of a database, the client is the pool; of a transaction, the connection. Always the ones with promises. */
interface Session {
  readonly client: PooledConnection
  readonly schema: unknown
  readonly options: object
  readonly constructor: new (
    client: PooledConnection,
    dialect: object,
    schema: unknown,
    options: object,
  ) => Transactions<never>
}

interface Transactions<Tx> {
  transaction<R>(work: (tx: Tx) => Promise<R>, options?: object): Promise<R>
}

/**
 * Drizzle over a connection that it did not take from the pool by itself: it would not give one
 * back on which BEGIN failed, and gives one back whose ROLLBACK failed.
 */
export function overMysql2<Tx>({ dialect, session }: Mysql2Internals): {
  readonly driver: Mysql2Driver<PooledConnection>
  readonly session: (connection: PooledConnection) => Transactions<Tx>
} {
  const { client, schema, options, constructor: Session } = session
  return {
    driver: mysql2Driver('drizzleMysql', client),
    session: (connection) => new Session(connection, dialect, schema, options),
  }
}
