import {
  assertDatabaseName,
  describeError,
  describeRef,
  isSteppingError,
  safeAge,
  SteppingError,
} from '@stepping/core'
import type {
  Barrier,
  CommittableContext,
  Database,
  DatabaseLimits,
  DatabaseRef,
  DbContext,
  OnceRows,
} from '@stepping/core'
import type { SqlDialect } from './dialect.ts'
import { applyMigrations, readMeta, schemaError, versionError } from './migration.ts'
import type { Meta, MigrationSet } from './migration.ts'
import { pruneRows } from './prune.ts'
import { databaseChanged, resolveBarrier } from './resolve.ts'
import type { Execute, ExecuteLast, SqlResult, Statement } from './statement.ts'
import type { Tables } from './table-name.ts'

/** An open transaction that statements can be run in. */
export interface SqlContext extends DbContext {
  readonly execute: Execute
  /** What every insert that may outlive the transaction has to require; see `SqlDialect.isOpen`. */
  readonly open: Statement
  /** Present where this library opened the transaction, and so commits it. */
  readonly executeLast?: ExecuteLast
}

export type CommittableSqlContext = SqlContext & CommittableContext

/** What an adapter knows of one open transaction. */
export interface BoundTransaction {
  readonly execute: Execute
  /** This adapter's own `transaction` opened it; otherwise somebody else may end it at any moment. */
  readonly opened: boolean
  /** As `SqlContext.open`, where the adapter knows more than the dialect. */
  readonly open?: Statement
  /** Where the adapter can send a statement together with COMMIT. Absent: it is executed at once. */
  readonly executeLast?: ExecuteLast
  /** As `DbContext.assertUsable`. */
  assertUsable(): Promise<void>
  /** As `DbContext.provedCommit`. */
  provedCommit?(): boolean
}

/** One that is committed through the context: drivers with begin and commit. */
export type CommittableTransaction = BoundTransaction & Pick<CommittableContext, 'commit'>

/** What an adapter says about its library. Everything else is the same for all of them. */
export interface SqlDriver<Tx, O, B extends BoundTransaction = BoundTransaction> {
  readonly dialect: SqlDialect
  /** Where it connects to, without the password: for messages. */
  readonly address: string
  readonly limits: DatabaseLimits
  /** The library's options for this library's own transactions: READ COMMITTED, where there are levels. */
  readonly readCommitted: O
  /** One statement on a connection of its own, committed when it resolves. */
  run(statement: Statement, options?: RunOptions): Promise<SqlResult>
  /** Statements in one transaction of their own, in one go. Absent: one after another in `transaction`. */
  batch?(statements: readonly Statement[]): Promise<readonly SqlResult[]>
  /** As `Database.transaction`. */
  transaction<R>(work: (tx: Tx) => Promise<R>, options?: O): Promise<R>
  /** Binds to an open transaction of this database, or throws `TRANSACTION_UNUSABLE`. */
  bind(tx: Tx): B
  /** As `AnySqlDatabase.place`, where the dialect's `readPlace` cannot be asked or says too little. */
  place?(): Promise<string | undefined>
  /** Whether the app has ended what statements are sent through, where that shows: nothing will answer again. */
  isEnded?(): boolean
  /** Calls back for each notification until closed; `onLost` when the connection is gone. */
  listen?(channel: string, onNotify: () => void, onLost: () => void): Promise<() => Promise<void>>
}

export interface RunOptions {
  /** How long to wait for a lock, where the driver waits and not the server. */
  readonly waitMs?: number
}

interface DatabaseName {
  /** Stored with every job: the name by which its database is found again. */
  readonly name: string
  readonly tenant?: string
}

interface SharedBarrier {
  /**
   * The barrier table of DTM's clients in other languages, where they share this database:
   * `dtm_barrier.barrier` unless they say otherwise. Nothing is ever deleted from it.
   */
  readonly barrier?: string
}

/** For PostgreSQL. */
export interface SchemaOptions extends DatabaseName, SharedBarrier {
  /** The schema of this library's tables. Default `stepping`. */
  readonly schema?: string
}

/** For databases without schemas. */
export interface PrefixOptions extends DatabaseName, SharedBarrier {
  /** What the names of this library's tables begin with. Default `stepping_`. */
  readonly prefix?: string
}

export type SqlDatabaseOptions = SchemaOptions & PrefixOptions

/** Where the tables are: each dialect reads what it has. */
export type TablesOptions = Omit<SqlDatabaseOptions, keyof DatabaseName>

const brand: unique symbol = Symbol.for('@stepping/sql.database/1')

/** A SQL database with or without its library's types: what stores are built over. */
export interface AnySqlDatabase extends Omit<
  Database<never, SqlContext>,
  'transaction' | 'context'
> {
  readonly [brand]: true
  readonly tables: Tables
  readonly sqlDialect: SqlDialect
  /** One statement on a connection of its own, committed when it resolves. */
  run(statement: Statement, options?: RunOptions): Promise<SqlResult>
  /** Statements in one transaction of their own, committed when it resolves. */
  batch(statements: readonly Statement[]): Promise<readonly SqlResult[]>
  /** Statements in one READ COMMITTED transaction of their own, committed when it resolves. */
  atomically<R>(work: (execute: Execute) => Promise<R>): Promise<R>
  /**
   * Resolves if the tables of this set are there in the version that this code knows; asked until
   * that is so, then remembered.
   *
   * @throws SteppingError as `identity`.
   */
  assertMigrated(set: MigrationSet, context?: DbContext): Promise<void>
  migrateSet(set: MigrationSet): Promise<void>
  /** Which server and which of its databases this is; undefined where that cannot be said. A copy is another place. */
  place(): Promise<string | undefined>
  readonly listen?: SqlDriver<never, unknown>['listen']
}

export interface SqlDatabase<Tx, O, C extends SqlContext = SqlContext>
  extends AnySqlDatabase, Database<Tx, C, O> {}

/** What a database's `context` gives: with `commit` exactly where the adapter has it. */
type ContextOf<B extends BoundTransaction> = B extends CommittableTransaction
  ? CommittableSqlContext
  : SqlContext

/** Recognised by a brand: two installed copies of this package have two classes. */
export function isSqlDatabase(database: object): database is AnySqlDatabase {
  return brand in database
}

/** Whether the context can run SQL statements. */
export function isSqlContext(context: DbContext): context is SqlContext {
  return isSqlDatabase(context.database)
}

/** A Database from what an adapter says about its library. */
export function sqlDatabase<Tx, O, B extends BoundTransaction>(
  driver: SqlDriver<Tx, O, B>,
  options: SqlDatabaseOptions,
): SqlDatabase<Tx, O, ContextOf<B>> {
  return new DriverDatabase(driver, options)
}

class DriverDatabase<Tx, O, B extends BoundTransaction> implements SqlDatabase<
  Tx,
  O,
  ContextOf<B>
> {
  readonly [brand] = true
  readonly ref: DatabaseRef
  readonly dialect: SqlDialect['name']
  readonly sqlDialect: SqlDialect
  readonly tables: Tables
  readonly limits: DatabaseLimits
  readonly barrier: Barrier
  readonly once: OnceRows
  readonly listen?: SqlDriver<Tx, O>['listen']
  readonly #driver: SqlDriver<Tx, O, B>
  #meta: Meta | undefined
  /** Those that `#meta` has in the version that this code knows. */
  readonly #ready = new Set<MigrationSet>()

  constructor(driver: SqlDriver<Tx, O, B>, options: SqlDatabaseOptions) {
    assertDatabaseName(driver.dialect.name, options)
    const { name, tenant, ...where } = options
    this.#driver = driver
    this.ref = tenant === undefined ? { name } : { name, tenant }
    this.sqlDialect = driver.dialect
    this.dialect = driver.dialect.name
    this.limits = driver.limits
    this.tables = driver.dialect.tables(where)
    this.barrier = this.#barrier()
    this.once = this.#once()
    if (driver.listen) this.listen = driver.listen.bind(driver)
  }

  async run(statement: Statement, options?: RunOptions): Promise<SqlResult> {
    return await this.#reach(() => this.#driver.run(statement, options))
  }

  async batch(statements: readonly Statement[]): Promise<readonly SqlResult[]> {
    const driver = this.#driver
    if (driver.batch) return await this.#reach(() => driver.batch!(statements))
    return await this.atomically(async (execute) => {
      const results: SqlResult[] = []
      for (const statement of statements) results.push(await execute(statement))
      return results
    })
  }

  async atomically<R>(work: (execute: Execute) => Promise<R>): Promise<R> {
    const driver = this.#driver
    return await this.#reach(() =>
      driver.transaction((tx) => {
        const bound = driver.bind(tx)
        return work((statement) => bound.execute(statement))
      }, driver.readCommitted),
    )
  }

  async transaction<R>(work: (tx: Tx) => Promise<R>, options?: O): Promise<R> {
    return await this.#driver.transaction(work, options)
  }

  context(tx: Tx): ContextOf<B> {
    const bound = this.#driver.bind(tx)
    const token = bound.opened ? undefined : crypto.randomUUID()
    const context = {
      ...bound,
      database: this,
      open: bound.open ?? this.sqlDialect.isOpen(token, this.tables),
      ...(bound.opened && { executeLast: bound.executeLast ?? executeNow(bound.execute) }),
      assertUsable: async () => {
        await bound.assertUsable()
        if (token !== undefined) await this.sqlDialect.markOpen(bound.execute, token, this.tables)
      },
    }
    return context as unknown as ContextOf<B>
  }

  async identity(context?: DbContext): Promise<string> {
    const meta = await this.#migrated(this.sqlDialect.migrations, context)
    return meta.get('identity')!
  }

  async assertMigrated(set: MigrationSet, context?: DbContext): Promise<void> {
    await this.#migrated(set, context)
  }

  async migrate(): Promise<void> {
    await this.migrateSet(this.sqlDialect.migrations)
  }

  async migrateSet(set: MigrationSet): Promise<void> {
    this.#forget()
    await this.atomically((execute) => applyMigrations(this.sqlDialect, this, set, execute))
    this.#forget()
  }

  async place(): Promise<string | undefined> {
    const driver = this.#driver
    if (driver.place) return await driver.place()
    const { rows } = await this.run(this.sqlDialect.readPlace())
    return rows[0]?.['place'] as string | undefined
  }

  async prune(options: Parameters<Database<Tx>['prune']>[0]): Promise<number> {
    return await pruneRows(this, options)
  }

  async #migrated(set: MigrationSet, context: DbContext | undefined): Promise<Meta> {
    const known = this.#meta
    if (known && (this.#ready.has(set) || !versionError(known, this, set))) {
      this.#ready.add(set)
      return known
    }
    // Also where it is known to be wrong: another process may have migrated meanwhile.
    const meta = await this.#readMeta(context)
    this.#meta = meta
    const error = versionError(meta, this, set)
    if (error) throw error
    this.#ready.add(set)
    return meta
  }

  #forget(): void {
    this.#meta = undefined
    this.#ready.clear()
  }

  async #readMeta(context: DbContext | undefined): Promise<Meta> {
    const execute: Execute = (statement) =>
      context && isSqlContext(context) ? context.execute(statement) : this.run(statement)
    try {
      await this.#assertClock(execute)
      return await readMeta(this.tables, execute)
    } catch (error) {
      if (!this.sqlDialect.isMissingTable(error)) throw error
      throw schemaError('SCHEMA_MISSING', this, this.sqlDialect.migrations, 0)
    }
  }

  #barrier(): Barrier {
    const { sqlDialect: dialect, tables } = this
    return {
      insert: async (context, key, as = 'msg') => {
        const { execute, open } = sqlContext(context)
        const found = await dialect.insertBarrier(tables, execute, key, open, as)
        if (found === 'inserted') return
        if (found === 'lost') throw transactionLost(key.gid)
        if (found === 'changed') throw databaseChanged(this.ref, key.gid)
        if (found === 'expired') throw expired('BARRIER_EXPIRED', `Job ${key.gid}`, key.gid)
        const { rows } = await execute(dialect.readReason(tables, key.gid))
        throw rows[0]?.['reason'] === 'rollback'
          ? new SteppingError(
              'BARRIER_DECIDED',
              `Job ${key.gid} was decided as rolled back, because it was asked about before this transaction got here. Roll the transaction back and begin again with a new job.`,
              { gid: key.gid },
            )
          : new SteppingError(
              'JOB_DUPLICATE',
              `A transaction with the gid ${key.gid} is committed already. Roll this transaction back; if the gid is a message's id, the message was handled.`,
              { gid: key.gid },
            )
      },
      resolve: async (key) => await resolveBarrier(this, key),
    }
  }

  #once(): OnceRows {
    const { sqlDialect: dialect, tables } = this
    return {
      take: async (context, key) => {
        const { execute } = sqlContext(context)
        const found = await dialect.takeOnce(tables, execute, key)
        if (found === 'inserted') return undefined
        if (found === 'expired')
          throw expired(
            'ONCE_EXPIRED',
            `This attempt of step ${key.index + 1} of job ${key.gid}`,
            key.gid,
          )
        const { rows } = await execute(dialect.readOnce(tables, key))
        if (!rows[0]) throw new Error(`the once row of ${key.gid} is gone`)
        return { value: rows[0]['value'] as string | null }
      },
      store: async (context, key, value) => {
        await sqlContext(context).execute(dialect.storeOnce(tables, key, value))
      },
      replace: async (context, key, was, value) => {
        const statement = dialect.storeOnce(tables, key, value, was)
        return (await sqlContext(context).execute(statement)).affected === 1
      },
    }
  }

  /** A clock that is far off would make the guards refuse what is fresh, or accept what is late. */
  async #assertClock(execute: Execute): Promise<void> {
    const before = Date.now()
    const { rows } = await execute(this.sqlDialect.readClock())
    const now = Number(rows[0]?.['now'])
    const skew = Math.max(before - now, now - Date.now())
    if (skew <= safeAge.clockSkewMs) return
    throw new SteppingError(
      'CLOCK_SKEW',
      `The clocks of this machine and of the database ${describeRef(this.ref)} are ${Math.round(skew / 1_000)} s apart; at most ${safeAge.clockSkewMs / 1_000} s are safe. Set them by NTP.`,
    )
  }

  async #reach<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work()
    } catch (error) {
      if (isSteppingError(error)) throw error
      if (this.#driver.isEnded?.()) {
        throw new SteppingError(
          'DATABASE_UNREACHABLE',
          `The pool of the database ${describeRef(this.ref)} was ended while Stepping still uses it. End it after stepping.close() has resolved.`,
          { cause: error },
        )
      }
      if (!this.sqlDialect.isUnreachable(error)) throw error
      throw new SteppingError(
        'DATABASE_UNREACHABLE',
        `The database ${describeRef(this.ref)} at ${this.#driver.address} cannot be reached: ${describeError(error)}. Check that it runs and that the address and the login are right.`,
        { cause: error },
      )
    }
  }
}

function executeNow(execute: Execute): ExecuteLast {
  return async (statement, explain) => {
    try {
      await execute(statement)
    } catch (error) {
      throw explain(error)
    }
  }
}

function sqlContext(context: DbContext): SqlContext {
  if (isSqlContext(context)) return context
  throw new SteppingError('TRANSACTION_UNUSABLE', 'This context does not belong to a SQL database.')
}

/** Nothing was written: the caller's transaction ended while this library was still at work in it. */
export function transactionLost(gid: string): SteppingError {
  return new SteppingError(
    'TRANSACTION_LOST',
    `The transaction of job ${gid} is not open any more: it ended while the job was being tied to it, and the job was dropped. Await prepareAndInsertBarrier() before anything that can end the transaction.`,
    { gid },
  )
}

function expired(
  code: 'BARRIER_EXPIRED' | 'ONCE_EXPIRED',
  what: string,
  gid: string,
): SteppingError {
  return new SteppingError(code, `${what} began too long ago to be written now. Begin again.`, {
    gid,
  })
}
