import { SteppingError } from '@stepping/core'
import { assertSqliteVersion, errorCode, toText, transactionUnusable } from '@stepping/sql'
import type { SqlResult, Statement } from '@stepping/sql'
import { Idle } from './idle.ts'
import { assertSameFile, clientClosed, opener } from './sqlite-driver.ts'
import type { SqliteDriver, SqliteInternals, SqliteTransaction } from './sqlite-driver.ts'

/** The shapes of better-sqlite3 that are used. */
interface Connection {
  readonly open: boolean
  readonly readonly: boolean
  readonly inTransaction: boolean
  prepare(text: string): Prepared
  close(): unknown
}

type Drizzle = typeof import('drizzle-orm/better-sqlite3/session')

interface Prepared {
  /** Whether it returns rows. */
  readonly reader: boolean
  run(...values: readonly unknown[]): { readonly changes: number }
  get(...values: readonly unknown[]): unknown
  all(...values: readonly unknown[]): unknown[]
  raw(): Prepared
}

export function betterSqlite3(
  db: SqliteInternals,
  connect: (() => unknown) | undefined,
): SqliteDriver {
  const client = db.$client as Connection
  const file = fileOf(client)
  assertUsable(client, file)
  const open = opener(file, client, (connect as (() => Connection) | undefined) ?? again)
  // The user's connection is for the user's statements only: what anybody sends on a connection is
  // part of the transaction that is open there. So there is one to write and one to read beside it.
  const [writer, reader] = [0, 1].map(
    () =>
      new Idle(
        () => {
          const connection = open()
          assertSameFile(file, fileOf(connection))
          return neverWaiting(connection)
        },
        (connection) => connection.close(),
        (connection) => connection.inTransaction,
      ),
  ) as [Idle<Connection>, Idle<Connection>]

  let drizzle: Drizzle | undefined

  /** As the user's was opened, as far as that shows. */
  function again(): Connection {
    const Database = client.constructor as new (file: string) => Connection
    const connection = new Database(file)
    pragma(connection, `foreign_keys = ${String(pragma(client, 'foreign_keys'))}`)
    return connection
  }

  function own(connection: Idle<Connection>): Connection {
    if (client.open) return connection.get()
    throw clientClosed('better-sqlite3 connection')
  }

  return {
    address: file,
    limits: {
      parallelTransactions: 'SQLite has one writer at a time',
      ownTransactions:
        'with better-sqlite3 a transaction of your own cannot wait for anything, and until it ends, what the whole process sends on its connection is part of it. Use stepping.transaction',
    },
    async read(statement) {
      return run(own(reader), statement)
    },
    async write(statements) {
      const connection = own(writer)
      if (statements.length === 1) return [run(connection, statements[0]!)]
      prepared(connection, 'begin immediate').run()
      try {
        const results = statements.map((statement) => run(connection, statement))
        prepared(connection, 'commit').run()
        return results
      } finally {
        if (connection.inTransaction) prepared(connection, 'rollback').run()
      }
    },
    async begin() {
      // Not at the start, where apps on other databases would wait for it as well.
      drizzle ??= await import('drizzle-orm/better-sqlite3/session')
      const connection = own(writer)
      prepared(connection, 'begin immediate').run()
      return transactionOn(connection, db, drizzle)
    },
    // Written, but perhaps not synced: after a crash of the machine it may be there.
    isOutcomeUnknown: (error) => errorCode(error)?.startsWith('SQLITE_IOERR') === true,
  }
}

/** `tx` sees the connection only through this, so that it ends with its transaction. */
function transactionOn(
  connection: Connection,
  { dialect, session }: SqliteInternals,
  { BetterSQLiteSession, BetterSQLiteTransaction }: Drizzle,
): SqliteTransaction {
  let over = false
  let sent = 0
  const send = (): void => {
    if (over || !connection.inTransaction) {
      throw transactionUnusable('it is over, or SQLite has rolled it back')
    }
    sent++
  }
  const guarded = (statement: Prepared): Prepared => ({
    reader: statement.reader,
    run: (...values) => (send(), statement.run(...values)),
    get: (...values) => (send(), statement.get(...values)),
    all: (...values) => (send(), statement.all(...values)),
    raw: () => guarded(statement.raw()),
  })
  const { schema, logger, cache } = session
  const Session = BetterSQLiteSession as unknown as new (...args: unknown[]) => unknown
  const Transaction = BetterSQLiteTransaction as unknown as new (...args: unknown[]) => object
  const guardedClient = { prepare: (text: string) => guarded(connection.prepare(text)) }
  const own = new Session(guardedClient, dialect, schema, { logger, cache })
  return {
    tx: new Transaction('sync', dialect, own, schema),
    get isOpen() {
      return !over && connection.inTransaction
    },
    get sent() {
      return sent
    },
    async execute(statement) {
      send()
      return run(connection, statement)
    },
    async commit() {
      prepared(connection, 'commit').run()
      over = true
    },
    async rollback() {
      if (over) return
      over = true
      if (connection.inTransaction) prepared(connection, 'rollback').run()
    },
  }
}

/**
 * Waiting for a lock would block this process, and with it the very transaction that it waits for.
 * `extra` syncs each commit, also in a WAL, for which better-sqlite3 turns that off.
 */
function neverWaiting(connection: Connection): Connection {
  pragma(connection, 'busy_timeout = 0')
  pragma(connection, 'synchronous = extra')
  return connection
}

function pragma(connection: Connection, text: string): unknown {
  const statement = connection.prepare(`pragma ${text}`)
  return statement.reader ? Object.values(statement.get() as object)[0] : statement.run()
}

function run(connection: Connection, statement: Statement): SqlResult {
  const ready = prepared(connection, toText(statement, placeholder))
  const values = statement.values.map((value) => (typeof value === 'boolean' ? +value : value))
  if (!ready.reader) return { rows: [], affected: ready.run(...values).changes }
  const rows = ready.all(...values) as Record<string, unknown>[]
  return { rows, affected: rows.length }
}

function placeholder(): string {
  return '?'
}

const preparedOn = new WeakMap<Connection, Map<string, Prepared>>()

/**
 * A statement of this library, of which there are few; preparing one takes longer than running it. SQLite
 * prepares it anew by itself where the tables have changed.
 */
function prepared(connection: Connection, text: string): Prepared {
  let known = preparedOn.get(connection)
  if (!known) preparedOn.set(connection, (known = new Map()))
  let statement = known.get(text)
  if (!statement) known.set(text, (statement = connection.prepare(text)))
  return statement
}

function fileOf(connection: Connection): string {
  const { file } = connection
    .prepare(`select file from pragma_database_list where name = 'main'`)
    .get() as { file: string }
  return file
}

function assertUsable(client: Connection, file: string): void {
  const { version } = client.prepare('select sqlite_version() as version').get() as {
    version: string
  }
  assertSqliteVersion(version)
  if (file !== '' && !client.readonly) return
  throw new SteppingError(
    'DATABASE_INVALID',
    client.readonly
      ? 'This better-sqlite3 connection is read-only. Give drizzleSqlite one that can write.'
      : 'This SQLite database is in memory, where only one connection can see it: transactions would run into each other’s statements. Use a file; for tests, one in a temporary folder.',
  )
}
