import {
  assertClock,
  assertDatabaseName,
  barrierTaken,
  databaseChanged,
  describeError,
  describeRef,
  isSteppingError,
  SteppingError,
} from '@stepping/core'
import type {
  Barrier,
  Database,
  DatabaseLimits,
  DatabaseRef,
  DbContext,
  OnceRows,
} from '@stepping/core'
import type { BarrierRefusal, SqlDialect } from './dialect.ts'
import { applyMigrations, readMeta, schemaError, versionError } from './migration.ts'
import type { Meta, MigrationSet } from './migration.ts'
import { pruneRows } from './prune.ts'
import { resolveBarrier } from './resolve.ts'
import { brand, isSqlContext } from './sql-database.ts'
import type { CommittableSqlContext, SqlContext, SqlDatabase } from './sql-database.ts'
import type {
  BoundTransaction,
  CommittableTransaction,
  RunOptions,
  SqlDriver,
} from './sql-driver.ts'
import type { SqlDatabaseOptions } from './sql-options.ts'
import type { Execute, ExecuteLast, SqlResult, Statement } from './statement.ts'
import type { Tables } from './table-name.ts'

/** What a database's `context` gives: with `commit` exactly where the adapter has it. */
type ContextOf<B extends BoundTransaction> = B extends CommittableTransaction
  ? CommittableSqlContext
  : SqlContext

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
    const token = bound.opened ? bound.token : crypto.randomUUID()
    const context = {
      ...bound,
      database: this,
      open: bound.open ?? this.sqlDialect.isOpen(token, this.tables),
      ...(token === undefined && { executeLast: bound.executeLast ?? executeNow(bound.execute) }),
      assertUsable: async () => {
        await bound.assertUsable()
        if (token === undefined) return
        const marked = this.sqlDialect.markOpen(bound.execute, token, this.tables)
        // Not waited for: it is sent before the insert, which finds no mark if this failed.
        if (bound.opened) marked.catch(() => {})
        else await marked
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
      insert: async (context, key, as = 'msg', last = false) => {
        const { execute, executeLast, open } = sqlContext(context)
        const { insertBarrierLast } = dialect
        if (last && executeLast && insertBarrierLast) {
          await executeLast(insertBarrierLast.statement(tables, key, as), (error) => {
            const why = insertBarrierLast.whyNot(error)
            return why === undefined ? error : this.#refusal(why, key.gid)
          })
          return
        }
        const found = await dialect.insertBarrier(tables, execute, key, open, as)
        if (found === 'inserted') return
        if (found === 'lost') throw transactionLost(key.gid)
        if (found !== 'exists') throw this.#refusal(found, key.gid)
        const { rows } = await execute(dialect.readReason(tables, key.gid))
        throw barrierTaken(key.gid, rows[0]?.['reason'])
      },
      resolve: async (key) => await resolveBarrier(this, key),
    }
  }

  #refusal(why: BarrierRefusal, gid: string): SteppingError {
    if (why === 'changed') return databaseChanged(this.ref, gid)
    if (why === 'expired') return expired('BARRIER_EXPIRED', `Job ${gid}`, gid)
    return barrierTaken(gid, why === 'decided' ? 'rollback' : 'msg')
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

  async #assertClock(execute: Execute): Promise<void> {
    const askedAt = Date.now()
    const { rows } = await execute(this.sqlDialect.readClock())
    assertClock(this.ref, askedAt, Number(rows[0]?.['now']))
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
