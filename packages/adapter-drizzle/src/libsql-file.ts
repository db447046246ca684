import { SteppingError } from '@stepping/core'
import { assertSqliteVersion, errorCode, sqlite } from '@stepping/sql'
import { Idle } from './idle.ts'
import { begunOn, execute, fromLibsql, toLibsql } from './libsql-client.ts'
import type { LibsqlClient, LibsqlTransaction } from './libsql-client.ts'
import { clientClosed, openAgain } from './sqlite-driver.ts'
import type { SqliteDriver, SqliteInternals } from './sqlite-driver.ts'

/** Clients of this library's own, one to write and one to read beside it. */
interface Own {
  readonly file: string
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
  let looked: Own | undefined
  let open = 0

  async function own(): Promise<Own> {
    if (!client.closed) return (looked ??= await look())
    throw clientClosed('libSQL client')
  }

  async function look(): Promise<Own> {
    const { rows } = await client.execute(
      `select file, seq, sqlite_version() as version from pragma_database_list where name = 'main'`,
    )
    const { file, seq, version } = rows[0] as { file: string; seq: unknown; version: string }
    assertSqliteVersion(version)
    if (file === '') throw inMemory()
    const again = connect ?? (await connectTo(file, typeof seq))
    const connectAgain = (): LibsqlClient => openAgain(file, again)
    const close = (each: LibsqlClient): void => each.close()
    return {
      file,
      writer: new Idle(connectAgain, close, () => open > 0),
      reader: new Idle(connectAgain, close, () => false),
    }
  }

  return {
    get address() {
      return looked?.file ?? 'a libSQL file'
    },
    limits: { parallelTransactions: 'SQLite has one writer at a time' },
    async read(statement) {
      return await execute((await own()).reader.get(), statement)
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
      return begunOn(db, mine, transaction, execute, {
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

function inMemory(): SteppingError {
  return new SteppingError(
    'DATABASE_INVALID',
    'This libSQL database is in memory, where only one connection can see it. Use a file; for tests, one in a temporary folder.',
  )
}
