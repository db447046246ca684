import { toText, transactionUnusable } from '@stepping/sql'
import type { SqlResult, Statement } from '@stepping/sql'
import { LibSQLSession, LibSQLTransaction } from 'drizzle-orm/libsql/session'
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

/** One that was just begun, and Drizzle's own over it. */
export function begunOn(
  db: SqliteInternals,
  client: LibsqlClient,
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
  const { dialect, session } = db
  const { schema, logger, cache } = session
  const Session = LibSQLSession as unknown as new (...args: unknown[]) => unknown
  const Transaction = LibSQLTransaction as unknown as new (...args: unknown[]) => object
  const own = new Session(client, dialect, schema, { logger, cache }, counted)
  return {
    tx: new Transaction('async', dialect, own, schema),
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
