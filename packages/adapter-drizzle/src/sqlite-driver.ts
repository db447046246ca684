import { describeError, SteppingError } from '@stepping/core'
import type { DatabaseLimits } from '@stepping/core'
import type { SqlDriver, SqlResult, Statement } from '@stepping/sql'

/**
 * What differs between the drivers under Drizzle's SQLite databases. Nothing here waits for a lock
 * in this process: where another connection holds it, each call fails with SQLITE_BUSY, has changed
 * nothing, and is made again.
 */
export interface SqliteDriver {
  /** For messages. */
  readonly address: string
  readonly limits: DatabaseLimits
  /** A statement that changes nothing, beside whatever transaction is open. */
  read(statement: Statement): Promise<SqlResult>
  /** Statements in one transaction, in one go: no other work of this process gets in between. Where the server makes it wait, for `waitMs` at most. */
  write(statements: readonly Statement[], waitMs: number): Promise<readonly SqlResult[]>
  /** Begins a transaction that holds the write lock, whose commit will be durable. */
  begin(): Promise<SqliteTransaction>
  /** A transaction that the user opened, from Drizzle's session of it; absent where that cannot be safe. */
  opened?(session: object): OpenedTransaction | undefined
  /** Whether after this rejection of COMMIT nobody knows if it was done. */
  isOutcomeUnknown(error: unknown): boolean
  readonly place?: SqlDriver<never, unknown>['place']
}

export interface OpenedTransaction {
  /** In the turn of the call, so that nothing can end the transaction in between. */
  readonly isOpen: boolean
  execute(statement: Statement): Promise<SqlResult>
  /** Why it must not be used although it is open. */
  unusable?(): Promise<string | undefined>
}

export interface SqliteTransaction extends OpenedTransaction {
  /** Drizzle's own transaction object over it, which refuses to be used once this one is not open. */
  readonly tx: object
  /** What only holds in the database while this one is open. Absent: `isOpen` tells all. */
  readonly open?: Statement
  /** How many statements were sent through either. */
  readonly sent: number
  /** After SQLITE_BUSY it is still open and may be committed again. */
  commit(): Promise<void>
  /** Gives the connection back as well. Harmless when it is over. */
  rollback(): Promise<void>
}

/** What Drizzle's types keep internal and the drivers read to make objects of the same kind. */
export interface SqliteInternals {
  readonly $client: unknown
  readonly dialect: unknown
  readonly session: {
    readonly schema: unknown
    readonly logger: unknown
    readonly cache: unknown
  }
}

/** Opens more connections to the file that the user's own is connected to. */
export function opener<T extends object>(file: string, own: T, connect: () => T): () => T {
  const known = new WeakSet<object>([own])
  return () => {
    const opened = open()
    if (!known.has(opened)) {
      known.add(opened)
      return opened
    }
    throw new SteppingError(
      'DATABASE_INVALID',
      `The option connect of drizzleSqlite has given a connection to ${file} a second time. It has to open a new one at each call: what is sent on one connection runs in the transaction that is open there.`,
    )
  }

  function open(): T {
    try {
      return connect()
    } catch (error) {
      throw new SteppingError(
        'DATABASE_UNREACHABLE',
        `The SQLite file ${file} cannot be opened once more: ${describeError(error)}. Check that it is still there; if opening it takes more than its name, say connect in the options of drizzleSqlite.`,
        { cause: error },
      )
    }
  }
}

/** What `connect` opened has to be the same file. */
export function assertSameFile(file: string, opened: string): void {
  if (file === opened) return
  throw new SteppingError(
    'DATABASE_INVALID',
    `The option connect of drizzleSqlite has opened ${opened || 'a database in memory'}, and the database is ${file}.`,
  )
}

/** What is asked of this library after the user has closed the client. */
export function clientClosed(what: string): SteppingError {
  return new SteppingError(
    'DATABASE_UNREACHABLE',
    `The ${what} that was given to drizzleSqlite is closed. Close it after stepping.close().`,
  )
}
