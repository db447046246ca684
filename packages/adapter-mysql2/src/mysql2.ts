import { mysql, sqlDatabase } from '@stepping/sql'
import type {
  CommittableSqlContext,
  CommittableTransaction,
  PrefixOptions,
  SqlDatabase,
  SqlDriver,
} from '@stepping/sql'
import { mysql2Driver } from '@stepping/sql/mysql2'
import type { Pool as CallbackPool } from 'mysql2'
import type { Pool, PoolConnection } from 'mysql2/promise'
import { begin } from './begin.ts'
import type { Mysql2TransactionOptions } from './begin.ts'

export type Mysql2Options = PrefixOptions

/**
 * A MySQL or MariaDB database through a `Pool` of mysql2.
 *
 * @example
 * const orders = mysql2(createPool(url), { name: 'orders' })
 * @throws SteppingError `DATABASE_INVALID` for what is no `Pool`, or a bad prefix.
 */
export function mysql2(
  pool: Pool | CallbackPool,
  options: Mysql2Options,
): SqlDatabase<PoolConnection, Mysql2TransactionOptions, CommittableSqlContext> {
  return sqlDatabase(driverOf(pool), options)
}

function driverOf(
  pool: Pool | CallbackPool,
): SqlDriver<PoolConnection, Mysql2TransactionOptions, CommittableTransaction> {
  const driver = mysql2Driver<PoolConnection>('mysql2', pool)
  const own: Mysql2TransactionOptions = { isolationLevel: 'read committed' }
  return {
    dialect: mysql,
    address: driver.address,
    limits: driver.limits,
    readCommitted: own,
    run: (statement) => driver.run(statement),
    transaction: (work, options) =>
      driver.transaction(options === own, async (connection, finish) => {
        await begin(connection, options)
        return await finish(() => work(connection))
      }),
    bind(connection) {
      const { commit, ...bound } = driver.bind(connection)
      // What this adapter opened it commits itself, after its work.
      return (bound.opened ? bound : { ...bound, commit }) as CommittableTransaction
    },
  }
}
