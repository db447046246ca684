import { SteppingError } from '@stepping/core'
import { mysql, sqlDatabase, transactionUnusable } from '@stepping/sql'
import type { PrefixOptions, SqlDatabase, SqlDriver } from '@stepping/sql'
import type { TablesRelationalConfig } from 'drizzle-orm'
import type {
  MySqlDatabase,
  MySqlQueryResultHKT,
  MySqlTransaction,
  MySqlTransactionConfig,
  PreparedQueryHKTBase,
} from 'drizzle-orm/mysql-core'
import { isKind, kindOf } from './driver.ts'
import { overMysql2 } from './mysql2.ts'
import type { Mysql2Internals } from './mysql2.ts'

export type DrizzleMysqlOptions = PrefixOptions

/**
 * A MySQL or MariaDB database through Drizzle, over a `Pool` of mysql2.
 *
 * @example
 * const orders = drizzleMysql(drizzle(createPool(url)), { name: 'orders' })
 * @throws SteppingError `DATABASE_INVALID` for another driver, a single connection, or a bad prefix.
 */
export function drizzleMysql<
  Q extends MySqlQueryResultHKT,
  P extends PreparedQueryHKTBase,
  F extends Record<string, unknown>,
  S extends TablesRelationalConfig,
>(
  db: MySqlDatabase<Q, P, F, S>,
  options: DrizzleMysqlOptions,
): SqlDatabase<MySqlTransaction<Q, P, F, S>, MySqlTransactionConfig> {
  return sqlDatabase(drizzleDriver(db), options)
}

function drizzleDriver<
  Q extends MySqlQueryResultHKT,
  P extends PreparedQueryHKTBase,
  F extends Record<string, unknown>,
  S extends TablesRelationalConfig,
>(db: MySqlDatabase<Q, P, F, S>): SqlDriver<MySqlTransaction<Q, P, F, S>, MySqlTransactionConfig> {
  type Tx = MySqlTransaction<Q, P, F, S>
  assertMysql2(db)
  const { driver, session } = overMysql2<Tx>(db as unknown as Mysql2Internals)
  const own: MySqlTransactionConfig = { isolationLevel: 'read committed' }
  return {
    dialect: mysql,
    address: driver.address,
    limits: driver.limits,
    readCommitted: own,
    run: (statement) => driver.run(statement),
    transaction: (work, options) =>
      driver.transaction(options === own, (connection, finish) =>
        // Drizzle's own COMMIT comes after the one of `finish`, which sees what it was answered.
        session(connection).transaction((tx) => finish(() => work(tx)), options),
      ),
    bind(tx) {
      assertTransactionOf(db, tx)
      const { commit: _, ...bound } = driver.bind((tx as unknown as Mysql2Internals).session.client)
      return bound
    },
  }
}

function assertMysql2(db: object): void {
  const kind = kindOf(db, 'MySqlDatabase')
  if (kind === 'MySql2Database') return
  throw new SteppingError(
    'DATABASE_INVALID',
    `drizzleMysql takes a Drizzle database over mysql2, and got ${kind}.`,
  )
}

function assertTransactionOf(db: object, tx: object): void {
  if (!isKind(tx, 'MySqlTransaction')) {
    throw transactionUnusable(
      'it is not a Drizzle transaction: pass the tx that the callback of db.transaction got',
    )
  }
  if ((tx as unknown as Mysql2Internals).dialect === (db as Mysql2Internals).dialect) return
  throw transactionUnusable('it belongs to another Drizzle database')
}
