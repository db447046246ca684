import { printKind, SteppingError } from '@stepping/core'
import { overInCallback, sqlDatabase, transactionUnusable } from '@stepping/sql'
import type {
  BoundTransaction,
  CommittableSqlContext,
  CommittableTransaction,
  SqlDatabase,
  SqlDatabaseOptions,
  SqlDriver,
} from '@stepping/sql'
import type { PrepareOption } from '@stepping/sql/node-postgres'
import type { Sequelize, Transaction, TransactionOptions } from 'sequelize'
import { over } from './driver.ts'
import type { SequelizeDriver, TransactionGuard } from './driver.ts'
import { internalsOf, rootOf, withCause } from './internals.ts'
import { mariadbDriver } from './mariadb.ts'
import { mysqlDriver } from './mysql.ts'
import { postgresDriver } from './postgres.ts'

/** `prepare` is for PostgreSQL; the others do not have it. */
export type SequelizeOptions = SqlDatabaseOptions & PrepareOption

/** Without a parent: what is in another transaction does not commit. */
export type SequelizeTransactionOptions = Omit<TransactionOptions, 'transaction'>

const drivers: Partial<Record<string, (db: Sequelize, options: PrepareOption) => SequelizeDriver>> =
  {
    postgres: postgresDriver,
    mysql: mysqlDriver,
    mariadb: mariadbDriver,
  }

/**
 * A database through Sequelize: PostgreSQL, MySQL or MariaDB.
 *
 * @example
 * const orders = sequelize(new Sequelize(url), { name: 'orders' })
 * @throws SteppingError `DATABASE_INVALID` for another dialect, or a bad schema name or prefix.
 */
export function sequelize(
  db: Sequelize,
  options: SequelizeOptions,
): SqlDatabase<Transaction, SequelizeTransactionOptions, CommittableSqlContext> {
  const { prepare = false, ...others } = options ?? {}
  return sqlDatabase(sequelizeDriver(db, { prepare }), others as SqlDatabaseOptions)
}

/** A transaction that was open when it was first seen. */
interface Followed {
  readonly guard: TransactionGuard
  /** By this adapter, in which Sequelize then ends it. */
  readonly opened: boolean
  /** Its COMMIT is about to be sent: what came later would commit by itself. */
  ending: boolean
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
  options: PrepareOption,
): SqlDriver<Transaction, SequelizeTransactionOptions, CommittableTransaction> {
  const driver = driverOf(db, options)
  const followed = new WeakMap<Transaction, Followed>()

  function follow(root: Transaction, opened: boolean, isOwn: boolean): Followed {
    const connection = internalsOf(root).connection!
    const found = { guard: driver.guard(connection, opened, isOwn), opened, ending: false }
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
    run: (statement) => driver.run(statement),
    async transaction<R>(
      work: (t: Transaction) => Promise<R>,
      transactionOptions?: SequelizeTransactionOptions,
    ): Promise<R> {
      assertNoParent(transactionOptions)
      const isOwn = transactionOptions === own
      let began: Followed | undefined
      let done: { readonly value: R } | undefined
      try {
        await db.transaction({ ...transactionOptions, ...once }, async (t) => {
          began = follow(t, true, isOwn)
          done = { value: await work(t) }
          await beforeCommit(t, began)
        })
      } catch (error) {
        if (!began || !done) throw began ? error : withCause(error)
        began.guard.assertCommitted(withCause(error))
        throwUnlessOfCommit(error)
      }
      began!.guard.assertCommitted()
      return done!.value
    },
    bind(transaction) {
      assertTransactionOf(db, transaction)
      const root = rootOf(transaction)
      assertUnfinished(transaction, root)
      const known = followed.get(root) ?? follow(root, false, false)
      const { guard, opened } = known
      const assertOpen = (): void => {
        assertUnfinished(transaction, root)
        if (known.ending) throw transactionUnusable(over)
        const why = guard.unusable()
        if (why === over && opened) throw transactionUnusable(overInCallback)
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
          await commit(transaction, known)
        },
      }
    },
    ...(driver.listen && { listen: driver.listen }),
  }
}

function driverOf(db: Sequelize, options: PrepareOption): SequelizeDriver {
  const taken = `an instance of Sequelize 6 for ${Object.keys(drivers).join(', ')}`
  if (typeof db?.getDialect !== 'function') {
    throw new SteppingError(
      'DATABASE_INVALID',
      `sequelize takes ${taken}, and got ${printKind(db)}.`,
    )
  }
  const dialect = db.getDialect()
  const driver = drivers[dialect]
  if (driver) return driver(db, options)
  const why =
    dialect === 'sqlite'
      ? 'the driver sqlite3 does not show whether a transaction is open, so that a job could outlive the roll-back of its own; drizzleSqlite of @stepping/adapter-drizzle has other drivers'
      : `it takes ${taken}`
  throw new SteppingError('DATABASE_INVALID', `sequelize does not take ${dialect}: ${why}.`)
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

async function commit(transaction: Transaction, known: Followed): Promise<void> {
  Object.assign(internalsOf(transaction).options, once)
  await beforeCommit(transaction, known)
  try {
    await transaction.commit()
  } catch (error) {
    known.guard.assertCommitted(withCause(error))
    throwUnlessOfCommit(error)
  }
  known.guard.assertCommitted()
}

async function beforeCommit(transaction: Transaction, known: Followed): Promise<void> {
  // Its connection may be somebody else's by now. Sequelize rolls back by itself in a deadlock.
  if (internalsOf(transaction).finished !== undefined) {
    throw new SteppingError(
      'TRANSACTION_ROLLED_BACK',
      'This transaction was ended inside its callback: by rollback() or commit(), or by a deadlock whose error was swallowed or not awaited.',
    )
  }
  known.ending = true
  await known.guard.beforeCommit()
}

/**
 * Of a transaction that committed. What a hook after the commit threw is the user's; that a COMMIT of
 * Sequelize's failed which had nothing to do is not.
 */
function throwUnlessOfCommit(error: unknown): void {
  if ((error as { sql?: unknown }).sql !== 'COMMIT;') throw error
}
