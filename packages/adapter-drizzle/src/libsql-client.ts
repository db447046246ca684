import { toText, transactionUnusable } from '@stepping/sql'
import type { SqlResult, Statement } from '@stepping/sql'
import type { SqliteInternals, SqliteTransaction } from './sqlite-driver.ts'

/** The shapes of @libsql/client that are used. */
export interface LibsqlClient extends LibsqlExecutor {
  /** `ws` and `http` also with TLS. */
  readonly protocol: 'file' | 'http' | 'ws'
  readonly closed: boolean
  batch(statements: readonly LibsqlStatement[], mode: 'write'): Promise<LibsqlResult[]>
  transaction(mode: 'write' | 'deferred'): Promise<LibsqlTransaction>
  executeMultiple(text: string): Promise<void>
  sync(): Promise<unknown>
  close(): void
}

/** One transaction and never another one: over, it refuses whatever is sent on it. */
export interface LibsqlTransaction extends LibsqlExecutor {
  readonly closed: boolean
  executeMultiple(text: string): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
  close(): void
}

export interface LibsqlExecutor {
  execute(statement: LibsqlStatement | string): Promise<LibsqlResult>
}

export interface LibsqlStatement {
  readonly sql: string
  readonly args: unknown[]
}

export interface LibsqlResult {
  readonly rows: readonly Record<string, unknown>[]
  readonly rowsAffected: number
}

export function toLibsql(statement: Statement): LibsqlStatement {
  return { sql: toText(statement, () => '?'), args: [...statement.values] }
}

/** Counts as the rows it returned what returns rows: for those the file's driver says 0. */
export function fromLibsql({ rows, rowsAffected }: LibsqlResult): SqlResult {
  return { rows, affected: rows.length > 0 ? rows.length : rowsAffected }
}

export async function execute(on: LibsqlExecutor, statement: Statement): Promise<SqlResult> {
  return fromLibsql(await on.execute(toLibsql(statement)))
}

/** Makes Drizzle's own transaction over one of the client. */
export type Wrap = (transaction: LibsqlExecutor) => object

/** Loaded not at the start, where apps on other databases would wait for it as well. */
export async function drizzleOver(
  { dialect, session }: SqliteInternals,
  client: LibsqlClient,
): Promise<Wrap> {
  const drizzle = await import('drizzle-orm/libsql/session')
  const Session = drizzle.LibSQLSession as unknown as new (...args: unknown[]) => unknown
  const Transaction = drizzle.LibSQLTransaction as unknown as new (...args: unknown[]) => object
  const { schema, logger, cache } = session
  return (transaction) => {
    const own = new Session(client, dialect, schema, { logger, cache }, transaction)
    return new Transaction('async', dialect, own, schema)
  }
}

/** One that was just begun, and Drizzle's own over it. */
export function begunOn(
  wrap: Wrap,
  transaction: LibsqlTransaction,
  run: typeof execute,
  rest: Pick<SqliteTransaction, 'open' | 'commit' | 'rollback'>,
): SqliteTransaction {
  let sent = 0
  const counted: LibsqlExecutor = {
    async execute(statement) {
      if (transaction.closed) throw transactionUnusable('it is over, or SQLite has rolled it back')
      sent++
      return await transaction.execute(statement)
    },
  }
  return {
    tx: wrap(counted),
    get isOpen() {
      return !transaction.closed
    },
    get sent() {
      return sent
    },
    execute: (statement) => run(counted, statement),
    ...rest,
  }
}
