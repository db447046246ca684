import { describeError, SteppingError } from '@stepping/core'
import { assertSqliteVersion, errorCode, sqlite } from '@stepping/sql'
import { Idle } from './idle.ts'
import { begunOn, drizzleOver, execute, fromLibsql, toLibsql } from './libsql-client.ts'
import type { LibsqlClient, LibsqlTransaction } from './libsql-client.ts'
import { assertSameFile, clientClosed, opener } from './sqlite-driver.ts'
import type { SqliteDriver, SqliteInternals } from './sqlite-driver.ts'

/** Clients of this library's own, one to write and one to read beside it. */
interface Own {
  readonly writer: Idle<LibsqlClient>
  readonly reader: Idle<LibsqlClient>
}

/**
 * libSQL over a file of this machine. On clients of its own: one that waits for locks, as the
 * user's may, would block this process, and with it the very transaction that it waits for.
 */
export function libsqlFile(
  db: SqliteInternals,
  client: LibsqlClient,
  connect: (() => LibsqlClient) | undefined,
): SqliteDriver {
  let looking: Promise<Own> | undefined
  let address = 'a libSQL file'
  let open = 0

  async function own(): Promise<Own> {
    if (client.closed) throw clientClosed('libSQL client')
    looking ??= look()
    return await looking.catch((error: unknown) => {
      looking = undefined
      throw error
    })
  }

  async function look(): Promise<Own> {
    const { rows } = await client.execute(
      `select file, seq, sqlite_version() as version from pragma_database_list where name = 'main'`,
    )
    const { file, seq, version } = rows[0] as { file: string; seq: unknown; version: string }
    assertSqliteVersion(version)
    if (file === '') throw inMemory()
    address = file
    await assertNoReplica(client)
    const again = opener(file, client, connect ?? (await connectTo(file, typeof seq)))
    if (connect) assertSameFile(file, await fileOf(again()))
    return {
      writer: new Idle(
        again,
        (each) => each.close(),
        () => open > 0,
      ),
      reader: new Idle(
        again,
        (each) => each.close(),
        () => false,
      ),
    }
  }

  return {
    get address() {
      return address
    },
    limits: { parallelTransactions: 'SQLite has one writer at a time' },
    async read(statement) {
      const { reader } = await own()
      try {
        return await execute(reader.get(), statement)
      } catch (error) {
        // Half-run, it would keep the lock of each later read, and no writer could commit any more.
        if (sqlite.isUndecided(error)) reader.drop()
        throw error
      }
    },
    async write(statements) {
      const { writer } = await own()
      const mine = writer.get()
      // A statement that met a lock stays half-run, and no COMMIT works beside it on its connection.
      // Not so in a script, which finds the lock taken while there is nothing else to be run.
      await mine.executeMultiple('begin immediate; rollback')
      try {
        if (statements.length === 1) return [await execute(mine, statements[0]!)]
        return (await mine.batch(statements.map(toLibsql), 'write')).map(fromLibsql)
      } catch (error) {
        if (sqlite.isUndecided(error)) writer.drop()
        throw error
      }
    },
    async begin() {
      const mine = (await own()).writer.get()
      const wrap = await drizzleOver(db, mine)
      const transaction = await mine.transaction('deferred')
      try {
        await transaction.executeMultiple('rollback; begin immediate') // as above
      } catch (error) {
        transaction.close()
        throw error
      }
      open++
      let over = false
      const giveBack = (): void => {
        if (!over) open--
        over = true
        transaction.close()
      }
      return begunOn(wrap, transaction, execute, {
        async commit() {
          // Its own commit() gives the transaction up where readers of the file hold it up.
          await transaction.executeMultiple('commit')
          giveBack()
        },
        async rollback() {
          try {
            if (!transaction.closed) await transaction.rollback()
          } finally {
            giveBack()
          }
        },
      })
    },
    opened(session) {
      const transaction = (session as { tx?: LibsqlTransaction }).tx
      return (
        transaction && {
          get isOpen() {
            return !transaction.closed
          },
          execute: (statement) => execute(transaction, statement),
          unusable: () => whyNotDurable(transaction),
        }
      )
    },
    // Written, but perhaps not synced: after a crash of the machine it may be there.
    isOutcomeUnknown: (error) => errorCode(error)?.startsWith('SQLITE_IOERR') === true,
  }
}

/** It cannot be changed while a transaction is open. */
async function whyNotDurable(transaction: LibsqlTransaction): Promise<string | undefined> {
  const { rows } = await transaction.execute(
    'select synchronous, journal_mode from pragma_synchronous, pragma_journal_mode',
  )
  const { synchronous, journal_mode: journal } = rows[0]!
  if (Number(synchronous) >= 2 && journal !== 'off' && journal !== 'memory') return undefined
  return `its connection has the settings synchronous = ${String(synchronous)} and journal_mode = ${String(journal)}, with which a commit can be lost again when the machine crashes. Leave synchronous at full, or use stepping.transaction, whose connections have it`
}

async function connectTo(file: string, numbers: string): Promise<() => LibsqlClient> {
  const { createClient } = await import('@libsql/client')
  const url = `file:${file.replaceAll(/[%?#]/g, encodeURIComponent)}`
  const intMode = numbers as 'number' | 'bigint' | 'string'
  return () => createClient({ url, intMode }) as unknown as LibsqlClient
}

async function fileOf(client: LibsqlClient): Promise<string> {
  const { rows } = await client.execute(`select file from pragma_database_list where name = 'main'`)
  client.close()
  return String(rows[0]?.['file'])
}

/** What is written to its file beside it would never get to the server. It shows only by being able to sync. */
async function assertNoReplica(client: LibsqlClient): Promise<void> {
  const answer = await client.sync().then(
    () => 'synced',
    (error: unknown) => describeError(error),
  )
  if (answer.includes('SyncNotSupported')) return
  throw new SteppingError(
    'DATABASE_INVALID',
    'This libSQL client is an embedded replica (syncUrl), whose transactions this library cannot follow. Give drizzleSqlite a client of the server itself.',
  )
}

function inMemory(): SteppingError {
  return new SteppingError(
    'DATABASE_INVALID',
    'This libSQL database is in memory, where only one connection can see it. Use a file; for tests, one in a temporary folder.',
  )
}
