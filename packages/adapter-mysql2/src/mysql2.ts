import { SteppingError } from '@stepping/core'
import { mysql, sqlDatabase, transactionUnusable } from '@stepping/sql'
import type {
  BoundTransaction,
  CommittableSqlContext,
  CommittableTransaction,
  PrefixOptions,
  SqlDatabase,
  SqlDriver,
} from '@stepping/sql'
import {
  commit,
  coreOf,
  describeAddress,
  giveBack,
  guardTransaction,
  ownTransaction,
  runAlone,
} from '@stepping/sql/mysql2'
import type { Mysql2Connection, Mysql2Pool, TransactionGuard } from '@stepping/sql/mysql2'
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
  return sqlDatabase(mysql2Driver(promisesOf(pool)), options)
}

/** A transaction that was open on a connection when it was first seen. */
interface Transaction {
  readonly guard: TransactionGuard
  /** By this adapter, which then ends it as well. */
  readonly opened: boolean
  /** Its end is about to be sent: what came later would commit by itself. */
  ending: boolean
  /** A COMMIT came directly after this library's last statement. */
  proved: boolean
}

/** The options of this library's own transactions, in which nobody else's error can have been swallowed. */
const own: Mysql2TransactionOptions = { isolationLevel: 'read committed' }

function mysql2Driver(
  pool: Pool,
): SqlDriver<PoolConnection, Mysql2TransactionOptions, CommittableTransaction> {
  const shape = pool as unknown as Mysql2Pool
  // By what the pool handed out, which is another object each time.
  const transactions = new WeakMap<PoolConnection, Transaction>()

  return {
    dialect: mysql,
    address: describeAddress(shape),
    limits: {
      finishedHandles:
        'mysql2 does not show the state of a connection: one that is first shown after the end of its transaction looks open while another transaction uses it',
    },
    readCommitted: own,
    run: (statement) => runAlone(shape, statement),
    async transaction(work, transactionOptions) {
      const connection = await pool.getConnection()
      const guard =
        transactionOptions === own ? ownTransaction(connection) : guardTransaction(connection)
      const transaction = { guard, opened: true, ending: false, proved: false }
      let clean = false
      try {
        await begin(connection, transactionOptions)
        transactions.set(connection, transaction)
        const value = await work(connection)
        transaction.ending = true
        transaction.proved = await commit(connection, guard)
        clean = true
        return value
      } catch (error) {
        if (!transaction.ending) clean = await rollBack(connection, transaction)
        throw error
      } finally {
        transaction.ending = true
        giveBack(connection, clean)
      }
    },
    bind(connection) {
      assertConnectionOf(shape, connection)
      const transaction = transactions.get(connection) ?? {
        guard: guardTransaction(connection),
        opened: false,
        ending: false,
        proved: false,
      }
      const { guard, opened } = transaction
      const assertOpen = (): void => {
        if (transaction.ending) throw transactionUnusable('it is over')
        assertConnectionOf(shape, connection)
      }
      assertOpen()
      const bound: BoundTransaction = {
        opened,
        async execute(statement) {
          assertOpen()
          return await guard.execute(statement)
        },
        async assertUsable() {
          assertOpen()
          if (opened) await guard.assertOpen()
        },
        provedCommit: () => transaction.proved,
      }
      if (opened) return bound as CommittableTransaction
      return {
        ...bound,
        async commit() {
          assertOpen()
          transaction.ending = true
          transaction.proved = await commit(connection, guard)
        },
      }
    },
  }
}

function promisesOf(pool: Pool | CallbackPool): Pool {
  const promises = (
    'promise' in pool && typeof pool.promise === 'function' ? pool.promise() : pool
  ) as Pool
  const { getConnection, pool: core } = promises as unknown as Partial<Mysql2Pool>
  if (typeof getConnection === 'function' && core?.config?.connectionConfig) return promises
  // Transactions of one connection that run at once are one transaction to the server: a row that
  // was rolled back in one can be committed by the other.
  throw new SteppingError(
    'DATABASE_INVALID',
    'mysql2 takes a Pool of mysql2: over a single connection, transactions that run at once would run into each other. Use mysql2(createPool(...)).',
  )
}

function assertConnectionOf({ pool }: Mysql2Pool, connection: PoolConnection): void {
  const given = connection as Partial<Mysql2Connection & Mysql2Pool> | undefined
  if (typeof given?.getConnection === 'function') {
    throw transactionUnusable('a Pool has none: pass the connection that pool.getConnection() gave')
  }
  if (!given?.connection || !('_pool' in given.connection)) {
    throw transactionUnusable(
      'it is no connection of a Pool: pass the one that pool.getConnection() gave',
    )
  }
  const { _pool: owner, _released: released } = coreOf(connection)
  if (released) throw transactionUnusable('its connection was given back to the pool')
  if (owner === pool) return
  throw transactionUnusable(
    owner
      ? "its connection belongs to another pool than this database's"
      : 'its connection is lost or closed',
  )
}

/** @returns whether it got through. */
async function rollBack(connection: PoolConnection, transaction: Transaction): Promise<boolean> {
  transaction.ending = true
  return await connection.rollback().then(
    () => true,
    () => false,
  )
}
