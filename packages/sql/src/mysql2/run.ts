import { errorNumber } from '../mysql/errors.ts'
import { toLiteralText } from '../mysql/literal.ts'
import type { SqlResult, Statement } from '../statement.ts'
import { bytesWhenQuiet } from './client.ts'
import type { Mysql2Connection, Mysql2Pool } from './client.ts'
import { askState, send } from './send.ts'
import type { ConnectionState } from './send.ts'

/** One statement on a connection of its own, committed when it resolves. */
export async function runAlone(pool: Mysql2Pool, statement: Statement): Promise<SqlResult> {
  const connection = await pool.getConnection()
  let clean = false
  try {
    const result = await runCommitted(connection, toLiteralText(statement))
    clean = true
    return result
  } catch (error) {
    // Refused by the server, which then rolled it back: the connection is as good as before.
    clean = errorNumber(error) !== undefined && (await isIdle(connection))
    throw error
  } finally {
    giveBack(connection, clean)
  }
}

/** Whoever gets a connection in the middle of something would do it there; a new one costs little. */
export function giveBack(connection: Mysql2Connection, clean: boolean): void {
  if (clean) connection.release()
  else connection.destroy()
}

async function runCommitted(connection: Mysql2Connection, text: string): Promise<SqlResult> {
  if (!(await commitsAlone(connection))) return await runBetween(connection, text)
  const seen = isAsLeft(connection) ? idle : undefined
  const result = await send(connection, text)
  // With rows the server's word does not show. In a transaction that somebody gave the connection
  // back in they may be those of an old snapshot, in which a job that came later is never found.
  const state = result.state ?? seen ?? (await askState(connection))
  autocommits.set(connection.connection, state.autocommit)
  // It joined a transaction that somebody gave the connection back in, and that nobody will commit;
  // or began one, because somebody has set this session to.
  if (state.inTransaction) return await runBetween(connection, text)
  leftIdle.set(connection.connection, bytesWhenQuiet(connection))
  return result
}

const idle: ConnectionState = { inTransaction: false, autocommit: true }

/** How much had been sent on a connection when it was seen idle. */
const leftIdle = new WeakMap<object, number | undefined>()

/** Nobody has sent anything on it since it was seen idle. */
function isAsLeft(connection: Mysql2Connection): boolean {
  const bytes = bytesWhenQuiet(connection)
  return bytes !== undefined && bytes === leftIdle.get(connection.connection)
}

/**
 * Where the session does not commit by itself: with an old snapshot even a read would be wrong. And
 * with no chain: a session may be set to begin the next transaction as it ends one.
 */
async function runBetween(connection: Mysql2Connection, text: string): Promise<SqlResult> {
  await send(connection, 'rollback and no chain')
  await send(connection, 'set transaction isolation level read committed')
  await send(connection, 'start transaction')
  const result = await send(connection, text)
  const { state } = await send(connection, 'commit and no chain')
  if (state) autocommits.set(connection.connection, state.autocommit)
  return result
}

const autocommits = new WeakMap<object, boolean>()

/** Whether statements commit by themselves. Asked once of each connection; each answer that tells is remembered. */
export async function commitsAlone(connection: Mysql2Connection): Promise<boolean> {
  const known = autocommits.get(connection.connection)
  if (known !== undefined) return known
  const { autocommit } = await askState(connection)
  autocommits.set(connection.connection, autocommit)
  return autocommit
}

async function isIdle(connection: Mysql2Connection): Promise<boolean> {
  return await send(connection, 'rollback').then(
    () => true,
    () => false,
  )
}
