import { isSteppingError, SteppingError } from '@stepping/core'
import { assertSqliteVersion, errorCode, sql, sqlite } from '@stepping/sql'
import type { SqlResult, Statement } from '@stepping/sql'
import { begunOn, drizzleOver, execute, fromLibsql, toLibsql } from './libsql-client.ts'
import type {
  LibsqlClient,
  LibsqlExecutor,
  LibsqlStatement,
  LibsqlTransaction,
} from './libsql-client.ts'
import type { SqliteDriver, SqliteInternals } from './sqlite-driver.ts'
import { StillLocked } from './write-turns.ts'

/** A server makes a writer wait for so long, and then ends the transaction that is in its way. */
const serverWaitMs = 5_000

/**
 * libSQL over a server (Turso, sqld), which itself makes writers wait, and ends a transaction that
 * has been open for some seconds when another one waits for it.
 */
export function libsqlServer(
  db: SqliteInternals,
  client: LibsqlClient,
  meta: Statement,
): SqliteDriver {
  let checked: Promise<void> | undefined

  async function check(): Promise<void> {
    const { rows } = await client.execute('select sqlite_version() as version')
    assertSqliteVersion(String(rows[0]?.['version']))
  }

  async function ready(): Promise<LibsqlClient> {
    checked ??= check()
    await checked.catch((error: unknown) => {
      checked = undefined
      throw error
    })
    return client
  }

  return {
    address: `a libSQL server (${client.protocol})`,
    limits: {
      parallelTransactions: 'SQLite has one writer at a time',
      ownTransactions:
        'a libSQL server can end a transaction, by a time limit or a failed statement, without its client noticing: what is sent then commits by itself. Use stepping.transaction, whose statements can tell',
    },
    async read(statement) {
      return await execute(await ready(), statement)
    },
    async write(statements, waitMs) {
      await ready()
      if (waitMs < serverWaitMs) return await writeSoon(client, statements, waitMs)
      if (statements.length === 1) return [await execute(client, statements[0]!)]
      return (await client.batch(statements.map(toLibsql), 'write')).map(fromLibsql)
    },
    async begin() {
      await ready()
      const wrap = await drizzleOver(db, client)
      const { transaction, open, unmark } = await marked(client, meta)
      return begunOn(wrap, transaction, executeIn, {
        ...(open && { open }),
        async commit() {
          const unmarked = unmark?.()
          unmarked?.catch(() => {}) // then the commit fails too
          try {
            await transaction.commit()
          } catch (error) {
            throw isEnded(error) ? ended('TRANSACTION_ROLLED_BACK', error) : error
          }
        },
        async rollback() {
          try {
            await transaction.rollback()
          } finally {
            transaction.close()
          }
        },
      })
    },
    isOutcomeUnknown: (error) =>
      !isSteppingError(error) &&
      !/^(SQLITE_(?!IOERR)|SQL_|TRANSACTION_)/.test(errorCode(error) ?? ''),
    // Two servers may have the same file, one of them a copy; the client does not show its URL.
    place: async () => undefined,
  }
}

interface Marked {
  readonly transaction: LibsqlTransaction
  readonly open?: Statement
  readonly unmark?: () => Promise<unknown>
}

/**
 * When the server has ended a transaction, by a time limit or a failed statement, further statements
 * of the client commit by themselves. A row that is only there while the transaction is open, written
 * with its BEGIN, tells.
 */
async function marked(client: LibsqlClient, meta: Statement): Promise<Marked> {
  const name = `open:${crypto.randomUUID()}`
  try {
    const mark = sql`insert into ${meta} (name, value) values (${name}, '')`
    const transaction = await begun(client, toLibsql(mark))
    return {
      transaction,
      open: sql`exists (select 1 from ${meta} where name = ${name})`,
      unmark: () => execute(transaction, sql`delete from ${meta} where name = ${name}`),
    }
  } catch (error) {
    if (!sqlite.isMissingTable(error)) throw error
    // Not migrated: there is nothing of this library's to be written.
    return { transaction: await begun(client, 'select 1') }
  }
}

/** The client sends BEGIN together with the first statement. */
async function begun(
  client: LibsqlClient,
  first: LibsqlStatement | string,
  waitMs?: number,
): Promise<LibsqlTransaction> {
  const transaction = await client.transaction('write')
  try {
    const answer = transaction.execute(first)
    await (waitMs === undefined ? answer : within(waitMs, answer))
    return transaction
  } catch (error) {
    transaction.close()
    throw error
  }
}

/** Gives up waiting for the server to begin, and then nothing is written later. */
async function writeSoon(
  client: LibsqlClient,
  statements: readonly Statement[],
  waitMs: number,
): Promise<SqlResult[]> {
  const transaction = await begun(client, 'select 1', waitMs)
  try {
    const results: SqlResult[] = []
    for (const statement of statements) results.push(await executeIn(transaction, statement))
    await transaction.commit()
    return results
  } finally {
    transaction.close()
  }
}

async function within<R>(ms: number, promise: Promise<R>): Promise<R> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StillLocked()), ms)
  })
  try {
    return await Promise.race([promise, tooLong])
  } finally {
    clearTimeout(timer)
    promise.catch(() => {}) // it ends some time
  }
}

/** In a transaction, which the server may have ended. */
async function executeIn(on: LibsqlExecutor, statement: Statement): Promise<SqlResult> {
  try {
    return await execute(on, statement)
  } catch (error) {
    throw isEnded(error) ? ended('TRANSACTION_LOST', error) : error
  }
}

/** SQLite's own answer to a COMMIT without a transaction has no code. */
function isEnded(error: unknown): boolean {
  if (errorCode(error)?.startsWith('TRANSACTION_') === true) return true
  return error instanceof Error && error.message.includes('no transaction is active')
}

function ended(
  code: 'TRANSACTION_LOST' | 'TRANSACTION_ROLLED_BACK',
  cause: unknown,
): SteppingError {
  return new SteppingError(
    code,
    'The libSQL server has rolled this transaction back: it was open for some seconds while another one waited for it, or a statement in it failed that way. Nothing was stored.',
    { cause },
  )
}
