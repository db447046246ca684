import { isSteppingError, SteppingError } from '@stepping/core'
import { errorCode, overInCallback, postgres, sqlDatabase } from '@stepping/sql'
import type {
  BoundTransaction,
  SchemaOptions,
  SqlDatabase,
  SqlDriver,
  SqlResult,
  Statement,
} from '@stepping/sql'
import { isOfLast } from '@stepping/sql/node-postgres'
import type { PrepareOption } from '@stepping/sql/node-postgres'
import type { TablesRelationalConfig } from 'drizzle-orm'
import type {
  PgDatabase,
  PgQueryResultHKT,
  PgTransaction,
  PgTransactionConfig,
} from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm/sql'
import { isKind, kindOf, over } from './driver.ts'
import type { CommitWatch, DriverHandle, DriverSession, DrizzleDriver } from './driver.ts'
import { nodePostgres } from './node-postgres.ts'
import { pglite } from './pglite.ts'
import { postgresJs } from './postgres-js.ts'

/** `prepare` is for node-postgres; postgres-js prepares by itself. */
export type DrizzlePostgresOptions = SchemaOptions & PrepareOption

/** What Drizzle's types keep internal and this adapter reads. */
interface Internals {
  readonly dialect: unknown
  readonly session: DriverSession
}

const drivers: Record<string, (client: unknown, options: PrepareOption) => DrizzleDriver> = {
  NodePgDatabase: nodePostgres,
  PostgresJsDatabase: postgresJs,
  PgliteDatabase: pglite,
}

/**
 * A PostgreSQL database through Drizzle: over node-postgres (a `Pool`), postgres-js or PGlite.
 *
 * @example
 * const orders = drizzlePostgres(drizzle(pool), { name: 'orders' })
 * @throws SteppingError `DATABASE_INVALID` for another driver, a single `Client`, or a bad schema name.
 */
export function drizzlePostgres<
  H extends PgQueryResultHKT,
  F extends Record<string, unknown>,
  S extends TablesRelationalConfig,
>(
  db: PgDatabase<H, F, S>,
  options: DrizzlePostgresOptions,
): SqlDatabase<PgTransaction<H, F, S>, PgTransactionConfig> {
  const { prepare = false, ...others } = options ?? {}
  return sqlDatabase(drizzleDriver(db, { prepare }), others as SchemaOptions)
}

function drizzleDriver<
  H extends PgQueryResultHKT,
  F extends Record<string, unknown>,
  S extends TablesRelationalConfig,
>(
  db: PgDatabase<H, F, S>,
  options: PrepareOption,
): SqlDriver<PgTransaction<H, F, S>, PgTransactionConfig> {
  type Tx = PgTransaction<H, F, S>
  const driver = driverOf(db, options)
  // Made when a transaction is first seen, so that the handle of one that is over is told from
  // the one that uses its connection next.
  const handles = new WeakMap<DriverSession, DriverHandle>()
  const progresses = new WeakMap<DriverSession, Progress>()

  function handleOf(session: DriverSession): DriverHandle {
    const handle = handles.get(session) ?? driver.handle(session)
    handles.set(session, handle)
    return handle
  }

  async function run(on: PgDatabase<H, F, S>, statement: Statement): Promise<SqlResult> {
    if (driver.execute) return await driver.execute((on as unknown as Internals).session, statement)
    try {
      return driver.result(await on.execute(sql(statement.strings, ...statement.values)))
    } catch (error) {
      throw withoutQuery(error)
    }
  }

  return {
    dialect: postgres,
    get address() {
      return driver.address
    },
    limits: driver.limits,
    readCommitted: { isolationLevel: 'read committed' },
    run: (statement) => run(db, statement),
    async transaction(work, transactionOptions) {
      const progress: Progress = {
        phase: 'beginning',
        over: false,
        ...(driver.hidesEnd && { token: crypto.randomUUID() }),
      }
      const transaction = () =>
        db.transaction(async (tx) => {
          progress.phase = 'working'
          const { session } = tx as unknown as Internals
          progress.watch = handleOf(session).watch?.()
          progresses.set(session, progress)
          try {
            const result = await work(tx)
            if (progress.over) return await never()
            await progress.watch?.beforeCommit?.()
            progress.phase = 'committing'
            return result
          } catch (error) {
            if (progress.over) return await never()
            progress.thrown = error
            throw error
          }
        }, transactionOptions)
      try {
        const value = driver.guard
          ? await driver.guard(transaction, () => progress.phase !== 'beginning')
          : await transaction()
        assertCommitted(await progress.watch?.end())
        return value
      } catch (error) {
        const ended = progress.watch?.end()
        // Of a driver that sends nothing together the end need not be waited for.
        throw errorOf(progress, error, progress.explain && (await ended))
      } finally {
        progress.over = true
      }
    },
    bind(tx) {
      assertTransactionOf(db, tx)
      const { session } = tx as unknown as Internals
      const handle = handleOf(session)
      const progress = progresses.get(session)
      const watch = progress?.watch
      const assertOpen = (): void => {
        const why = progress?.over ? 'it is over' : watch?.isOver?.() ? over : handle.unusable()
        if (why === over && progress) throw unusable(overInCallback)
        if (why !== undefined) throw unusable(why)
      }
      assertOpen()
      return {
        opened: progress !== undefined,
        ...(progress?.token && { token: progress.token }),
        async execute(statement) {
          assertOpen()
          const result = await (watch?.execute ? watch.execute(statement) : run(tx, statement))
          watch?.sent()
          return result
        },
        async assertUsable() {
          assertOpen()
          // A transaction that this adapter opened is known to be open.
          if (progress || !handle.probe) return
          const why = await handle.probe()
          if (why !== undefined) throw unusable(why)
        },
        ...(watch && { provedCommit: () => watch.provedCommit() }),
        ...(watch?.sendLast && {
          async executeLast(statement, explain) {
            assertOpen()
            if (progress!.explain) throw unusable('it has its last statement already')
            progress!.explain = explain
            watch.sendLast!(statement)
          },
        }),
      } satisfies BoundTransaction
    },
    ...(driver.place && { place: driver.place }),
    ...(driver.isEnded && { isEnded: driver.isEnded }),
    ...(driver.listen && { listen: driver.listen }),
  } satisfies SqlDriver<Tx, PgTransactionConfig>
}

function driverOf(db: object, options: PrepareOption): DrizzleDriver {
  const kind = kindOf(db, 'PgDatabase')
  const driver = drivers[kind]
  if (driver) return driver((db as { $client: unknown }).$client, options)
  throw new SteppingError(
    'DATABASE_INVALID',
    `drizzlePostgres takes a Drizzle database over node-postgres, postgres-js or PGlite, and got ${kind}.`,
  )
}

function assertTransactionOf(db: object, tx: object): void {
  if (!isKind(tx, 'PgTransaction')) {
    throw unusable(
      'it is not a Drizzle transaction: pass the tx that the callback of db.transaction got',
    )
  }
  if ((tx as unknown as Internals).dialect === (db as Internals).dialect) return
  throw unusable('it belongs to another Drizzle database')
}

/**
 * Drizzle over node-postgres resolves although the server answered COMMIT with ROLLBACK, which it
 * does when a statement failed and its error was swallowed.
 */
function assertCommitted(tag: string | undefined): void {
  if (tag === undefined || tag === 'COMMIT') return
  throw rolledBack(tag)
}

function rolledBack(tag: string, options: { cause?: unknown } = {}): SteppingError {
  return new SteppingError(
    'TRANSACTION_ROLLED_BACK',
    `The server answered ${tag} to COMMIT: a statement in the transaction failed and its error was swallowed or not awaited. Nothing was stored.`,
    options,
  )
}

/** How far a transaction got. */
interface Progress {
  phase: 'beginning' | 'working' | 'committing'
  readonly token?: string
  watch?: CommitWatch | undefined
  /** By the user's work. */
  thrown?: unknown
  /** Of the statement that is sent with COMMIT. */
  explain?: (error: unknown) => unknown
  /** Drizzle's transaction has settled, though its callback may go on. */
  over: boolean
}

/**
 * postgres-js rejects when the connection is lost, without waiting for the callback. When that ends
 * later, the driver would send its COMMIT or ROLLBACK on the connection that took the lost one's
 * place, into a transaction of somebody else. It must not get an answer to send one for.
 */
async function never(): Promise<never> {
  return await new Promise<never>(() => {})
}

function errorOf(
  { phase, thrown, explain }: Progress,
  error: unknown,
  ended: string | undefined,
): unknown {
  if (phase === 'beginning') return withoutQuery(error)
  if (phase === 'committing') {
    // The statement was not sent: something else had ended the transaction.
    if (isSteppingError(withoutQuery(error))) return withoutQuery(error)
    if (explain && isOfLast(error, ended)) return explain(withoutQuery(error))
    return afterCommitWasSent(error)
  }
  // Where not even the roll-back gets through, Drizzle throws the error of that.
  return (error as { query?: unknown }).query === 'rollback' ? thrown : error
}

/**
 * With a SQLSTATE the server has answered: it did not commit (a deferred constraint, a
 * serialization failure), and the error is the user's. Without one the answer was lost.
 */
function afterCommitWasSent(error: unknown): unknown {
  const code = errorCode(error)
  // How PGlite says that the answer was ROLLBACK.
  if (code === '25P02') return rolledBack('ROLLBACK', { cause: withoutQuery(error) })
  if (code === undefined ? error instanceof SteppingError : !postgres.isUnreachable(error))
    return error
  return new SteppingError(
    'TRANSACTION_OUTCOME_UNKNOWN',
    'The connection was lost while the transaction committed: it may or may not have. Its steps are done if it did.',
    { cause: withoutQuery(error) },
  )
}

/** Drizzle's own error repeats the query with its parameters, which may be secret; its cause is the driver's. */
function withoutQuery(error: unknown): unknown {
  return error instanceof Error && 'query' in error && error.cause !== undefined
    ? error.cause
    : error
}

function unusable(why: string): SteppingError {
  return new SteppingError('TRANSACTION_UNUSABLE', `This transaction cannot be used: ${why}.`)
}
