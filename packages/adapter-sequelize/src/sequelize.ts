import { SteppingError } from '@stepping/core'
import { sqlDatabase, transactionUnusable } from '@stepping/sql'
import type {
  BoundTransaction,
  CommittableSqlContext,
  CommittableTransaction,
  SqlDatabase,
  SqlDatabaseOptions,
  SqlDriver,
  SqlResult,
  Statement,
} from '@stepping/sql'
import type { Sequelize, Transaction, TransactionOptions } from 'sequelize'
import type { SequelizeDriver, TransactionGuard } from './driver.ts'
import { internalsOf, rootOf, withCause } from './internals.ts'
import { postgresDriver } from './postgres.ts'

export type SequelizeOptions = SqlDatabaseOptions

/** Without a parent: what is in another transaction does not commit. */
export type SequelizeTransactionOptions = Omit<TransactionOptions, 'transaction'>

const drivers: Partial<Record<string, (db: Sequelize) => SequelizeDriver>> = {
  postgres: postgresDriver,
}

/**
 * A PostgreSQL database through Sequelize.
 *
 * @example
 * const orders = sequelize(new Sequelize(url), { name: 'orders' })
 * @throws SteppingError `DATABASE_INVALID` for another dialect, or a bad schema name or prefix.
 */
export function sequelize(
  db: Sequelize,
  options: SequelizeOptions,
): SqlDatabase<Transaction, SequelizeTransactionOptions, CommittableSqlContext> {
  return sqlDatabase(sequelizeDriver(db), options)
}

/** A transaction that was open when it was first seen. */
interface Followed {
  readonly guard: TransactionGuard
  /** By this adapter, in which Sequelize then ends it. */
  readonly opened: boolean
}

/**
 * A COMMIT is sent once: a second one, after the first was refused, is answered COMMIT as well. And
 * what a transaction has lost with its connection or in a deadlock is not there for a second try.
 */
const once = { retry: { max: 1 } }

/** Of this library's own transactions, which nobody wants to read about in the log. */
const own: object = { isolationLevel: 'READ COMMITTED', logging: false }

function sequelizeDriver(
  db: Sequelize,
): SqlDriver<Transaction, SequelizeTransactionOptions, CommittableTransaction> {
  const driver = driverOf(db)
  const followed = new WeakMap<Transaction, Followed>()

  function follow(root: Transaction, opened: boolean): Followed {
    const connection = internalsOf(root).connection!
    const found = { guard: driver.guard(connection), opened }
    followed.set(root, found)
    return found
  }

  return {
    dialect: driver.dialect,
    get address() {
      return driver.address
    },
    limits: driver.limits,
    readCommitted: own,
    run: (statement) => run(db, driver, statement),
    async transaction(work, transactionOptions) {
      assertNoParent(transactionOptions)
      let guard: TransactionGuard | undefined
      let committing = false
      try {
        const value = await db.transaction({ ...transactionOptions, ...once }, async (t) => {
          ;({ guard } = follow(t, true))
          const result = await work(t)
          await guard.assertOpen()
          committing = true
          return result
        })
        guard!.assertCommitted()
        return value
      } catch (error) {
        if (committing) guard!.assertCommitted(withCause(error))
        // The user's own error, also that of a hook after the commit; or no transaction began.
        throw guard ? error : withCause(error)
      }
    },
    bind(transaction) {
      assertTransactionOf(db, transaction)
      const root = rootOf(transaction)
      assertUnfinished(transaction, root)
      const { guard, opened } = followed.get(root) ?? follow(root, false)
      const assertOpen = (): void => {
        assertUnfinished(transaction, root)
        const why = guard.unusable()
        if (why !== undefined) throw transactionUnusable(why)
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
        provedCommit: () => guard.provedCommit(),
      }
      // Sequelize commits what this adapter opened, after its work; and a savepoint commits nothing.
      if (opened || root !== transaction) return bound as CommittableTransaction
      return {
        ...bound,
        async commit() {
          assertOpen()
          await guard.assertOpen()
          await commit(transaction, guard)
        },
      }
    },
    ...(driver.listen && { listen: driver.listen }),
  }
}

function driverOf(db: Sequelize): SequelizeDriver {
  const dialect = typeof db?.getDialect === 'function' ? db.getDialect() : 'something else'
  const driver = drivers[dialect]
  if (driver) return driver(db)
  throw new SteppingError(
    'DATABASE_INVALID',
    `sequelize takes an instance of Sequelize 6 for ${Object.keys(drivers).join(', ')}, and got ${dialect}.`,
  )
}

function assertNoParent(options: TransactionOptions | undefined): void {
  if (!options?.transaction) return
  throw new SteppingError(
    'TRANSACTION_NESTED',
    'A transaction inside a transaction does not commit by itself: pass the outer one and its job down.',
  )
}

function assertTransactionOf(db: Sequelize, transaction: Transaction): void {
  const { sequelize: owner, connection } = internalsOf(transaction) ?? {}
  if (!owner || !connection || typeof transaction.commit !== 'function') {
    throw transactionUnusable(
      'it is no transaction of Sequelize: pass the one that db.transaction gave',
    )
  }
  if (owner !== db) throw transactionUnusable('it belongs to another instance of Sequelize')
}

/** Sequelize says so before it sends the end, so that what is sent after this check comes before that. */
function assertUnfinished(transaction: Transaction, root: Transaction): void {
  if (internalsOf(root).finished !== undefined) throw transactionUnusable('it is over')
  if (internalsOf(transaction).finished === undefined) return
  throw transactionUnusable('it is a savepoint that is over: pass the transaction around it')
}

async function commit(transaction: Transaction, guard: TransactionGuard): Promise<void> {
  Object.assign(internalsOf(transaction).options, once)
  try {
    await transaction.commit()
  } catch (error) {
    guard.assertCommitted(withCause(error))
    throw error // of a hook after the commit
  }
  guard.assertCommitted()
}

async function run(
  db: Sequelize,
  driver: SequelizeDriver,
  statement: Statement,
): Promise<SqlResult> {
  const { connectionManager } = db
  const connection = await idleConnection(db, driver)
  try {
    const result = await driver.run(connection, statement)
    connectionManager.releaseConnection(connection)
    return result
  } catch (error) {
    // In whatever state it may be now.
    void connectionManager.destroyConnection(connection).catch(() => {})
    throw error
  }
}

/** A statement on a connection that somebody gave back in a transaction would go with that. */
async function idleConnection(
  { connectionManager }: Sequelize,
  driver: SequelizeDriver,
): Promise<object> {
  for (;;) {
    const connection = await acquire(connectionManager)
    if (driver.isIdle(connection)) return connection
    await connectionManager.destroyConnection(connection)
  }
}

async function acquire(connectionManager: Sequelize['connectionManager']): Promise<object> {
  try {
    return await connectionManager.getConnection({ type: 'write', useMaster: true })
  } catch (error) {
    throw withCause(error)
  }
}
