import { assertDatabaseName, SteppingError } from '@stepping/core'
import { outcomeUnknown, sqlDatabase, sqlite, transactionUnusable } from '@stepping/sql'
import type { PrefixOptions, SqlDatabase, SqlDriver, SqlResult, Statement } from '@stepping/sql'
import type { TablesRelationalConfig } from 'drizzle-orm'
import type { BaseSQLiteDatabase, SQLiteTransaction } from 'drizzle-orm/sqlite-core'
import { betterSqlite3 } from './better-sqlite3.ts'
import { isKind, kindOf } from './driver.ts'
import { libsql } from './libsql.ts'
import type { OpenedTransaction, SqliteDriver, SqliteInternals } from './sqlite-driver.ts'
import type { SqliteTransaction } from './sqlite-driver.ts'
import { StillLocked, WriteTurns } from './write-turns.ts'

export interface DrizzleSqliteOptions<Client = unknown> extends PrefixOptions {
  /**
   * Opens one more connection to the same file, as yours was opened. Needed where that took more
   * than the file's name: functions and extensions of your own, a key.
   */
  readonly connect?: () => Client
  /** How long a transaction, or a statement of this library, waits for the write lock. Default 10,000. */
  readonly lockWaitMs?: number
}

type Connect = (() => unknown) | undefined

const drivers: Record<
  string,
  (db: SqliteInternals, connect: Connect, meta: Statement) => SqliteDriver
> = {
  BetterSQLite3Database: betterSqlite3,
  LibSQLDatabase: libsql,
}

/**
 * A SQLite database through Drizzle: over better-sqlite3 or libSQL (a file, or a server).
 *
 * For a file, this library opens connections of its own: what else is sent on yours never gets into
 * a transaction of `stepping.transaction`, and `tx` there is Drizzle's over such a connection.
 *
 * @example
 * const orders = drizzleSqlite(drizzle({ client: new Database('orders.db') }), { name: 'orders' })
 * @throws SteppingError `DATABASE_INVALID` for another driver, a database in memory, an older SQLite,
 * or a bad prefix.
 */
export function drizzleSqlite<
  K extends 'sync' | 'async',
  R,
  F extends Record<string, unknown>,
  S extends TablesRelationalConfig,
  Client = unknown,
>(
  db: BaseSQLiteDatabase<K, R, F, S> & { readonly $client?: Client },
  options: DrizzleSqliteOptions<Client>,
): SqlDatabase<SQLiteTransaction<K, R, F, S>, undefined> {
  const driverFor = driverOf(db)
  assertDatabaseName('drizzleSqlite', options)
  const { connect, lockWaitMs = 10_000, ...others } = options
  const driver = driverFor(connect, sqlite.tables(others).meta)
  return sqlDatabase(drizzleDriver(db, driver, lockWaitMs), others)
}

/** How far a transaction that this adapter opened got. */
interface Progress {
  readonly transaction: SqliteTransaction
  /** How many statements had been sent when this library's last one was. */
  last: number
  committed: boolean
}

function drizzleDriver<Tx extends object>(
  db: object,
  driver: SqliteDriver,
  lockWaitMs: number,
): SqlDriver<Tx, undefined> {
  const turns = new WriteTurns((error) => sqlite.isRolledBack(error))
  const progresses = new WeakMap<object, Progress>()

  async function batch(
    statements: readonly Statement[],
    waitMs: number = lockWaitMs,
  ): Promise<readonly SqlResult[]> {
    return await turns
      .take(waitMs, (wait) => wait(() => driver.write(statements, waitMs)))
      .catch(explainLock)
  }

  function explainLock(error: unknown): never {
    if (!(error instanceof StillLocked)) throw error
    throw new SteppingError(
      'DATABASE_UNREACHABLE',
      `The SQLite database ${driver.address} is locked: a transaction of this process or of another one has held its only write lock all the time. End transactions soon; inside of them await nothing but their own statements, and write through their tx.`,
      { cause: error },
    )
  }

  async function commit(progress: Progress): Promise<void> {
    const { transaction } = progress
    if (!transaction.isOpen) throw endedBefore()
    try {
      // Where readers of the file hold it up, it is still open.
      await turns.wait(performance.now() + lockWaitMs, () => transaction.commit())
    } catch (error) {
      throw driver.isOutcomeUnknown(error) ? outcomeUnknown(error) : error
    }
    progress.committed = true
  }

  return {
    dialect: sqlite,
    get address() {
      return driver.address
    },
    limits: driver.limits,
    readCommitted: undefined,
    async run(statement, { waitMs = lockWaitMs } = {}) {
      if (!isRead(statement)) return (await batch([statement], waitMs))[0]!
      return await turns
        .wait(performance.now() + waitMs, () => driver.read(statement))
        .catch(explainLock)
    },
    batch: (statements) => batch(statements),
    async transaction(work) {
      return await turns
        .take(lockWaitMs, async (wait) => {
          const transaction = await wait(() => driver.begin())
          const progress: Progress = { transaction, last: -1, committed: false }
          progresses.set(sessionOf(transaction.tx), progress)
          try {
            const value = await work(transaction.tx as Tx)
            await commit(progress)
            return value
          } finally {
            await transaction.rollback().catch(() => {}) // over, or its connection is lost
          }
        })
        .catch(explainLock)
    },
    bind(tx) {
      assertTransactionOf(db, tx)
      const progress = progresses.get(sessionOf(tx))
      const transaction = progress?.transaction ?? driver.opened?.(sessionOf(tx))
      if (!transaction) {
        throw transactionUnusable(driver.limits.ownTransactions ?? 'it is not an open transaction')
      }
      assertOpen(transaction)
      return {
        opened: progress !== undefined,
        ...(progress?.transaction.open && { open: progress.transaction.open }),
        async execute(statement) {
          assertOpen(transaction)
          const result = transaction.execute(statement)
          if (progress) progress.last = progress.transaction.sent
          return await result
        },
        async assertUsable() {
          assertOpen(transaction)
          const why = await transaction.unusable?.()
          if (why !== undefined) throw transactionUnusable(why)
        },
        ...(progress && {
          // Nothing between our statement and COMMIT: no savepoint can have taken its row away.
          provedCommit: () => progress.committed && progress.last === progress.transaction.sent,
        }),
      }
    },
    ...(driver.place && { place: driver.place }),
  }
}

/** All of them are this library's own: those that write begin with what they write. */
function isRead({ strings }: Statement): boolean {
  return /^\s*(select|with)\b/.test(strings[0]!)
}

function endedBefore(): SteppingError {
  return new SteppingError(
    'TRANSACTION_ROLLED_BACK',
    'SQLite ended this transaction before its COMMIT: a statement in it failed so that all was rolled back, and its error was swallowed, or ended it by itself. No step will run.',
  )
}

function assertOpen(transaction: OpenedTransaction): void {
  if (transaction.isOpen) return
  throw transactionUnusable(
    'it is over, or SQLite has rolled it back. Call this inside its callback',
  )
}

function assertTransactionOf(db: object, tx: object): void {
  if (!isKind(tx, 'SQLiteTransaction')) {
    throw transactionUnusable(
      'it is not a Drizzle transaction: pass the tx that the callback of the transaction got',
    )
  }
  if ((tx as unknown as SqliteInternals).dialect === (db as SqliteInternals).dialect) return
  throw transactionUnusable('it belongs to another Drizzle database')
}

function sessionOf(tx: object): object {
  return (tx as unknown as SqliteInternals).session
}

function driverOf(db: object): (connect: Connect, meta: Statement) => SqliteDriver {
  const kind = kindOf(db, 'BaseSQLiteDatabase')
  const driver = drivers[kind]
  if (driver) return (connect, meta) => driver(db as SqliteInternals, connect, meta)
  throw new SteppingError(
    'DATABASE_INVALID',
    `drizzleSqlite takes a Drizzle database over better-sqlite3 or libSQL, and got ${kind}.`,
  )
}
