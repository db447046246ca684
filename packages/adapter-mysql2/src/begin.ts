import { queryBy } from '@stepping/sql/mysql2'
import type { CallbackConnection } from '@stepping/sql/mysql2'
import type { PoolConnection } from 'mysql2/promise'

/** As Drizzle has them, for lack of names of mysql2 itself. */
export interface Mysql2TransactionOptions {
  readonly isolationLevel?:
    | 'read uncommitted'
    | 'read committed'
    | 'repeatable read'
    | 'serializable'
  readonly accessMode?: 'read only' | 'read write'
}

export async function begin(
  connection: PoolConnection,
  { isolationLevel, accessMode }: Mysql2TransactionOptions = {},
): Promise<void> {
  const query = queryBy(connection.connection as unknown as CallbackConnection)
  // For the next transaction only, which is this one.
  if (isolationLevel) await query({ sql: `set transaction isolation level ${isolationLevel}` })
  await query({ sql: `start transaction ${accessMode ?? ''}` })
}
