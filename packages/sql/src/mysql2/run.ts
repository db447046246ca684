import { errorNumber } from '../mysql/errors.ts'
import { toLiteralText } from '../mysql/literal.ts'
import type { SqlResult, Statement } from '../statement.ts'
import type { Mysql2Connection, Mysql2Pool } from './client.ts'
import { askState, send } from './send.ts'
import type { Answer } from './send.ts'

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
  const result = remembered(connection, await send(connection, text))
  if (!result.state?.inTransaction) return result
  // It joined a transaction that somebody gave the connection back in, and that nobody will commit;
  // or began one, because somebody has set this session to.
  return await runBetween(connection, text)
}

/** Where the session does not commit by itself: with an old snapshot even a read would be wrong. */
async function runBetween(connection: Mysql2Connection, text: string): Promise<SqlResult> {
  await send(connection, 'rollback')
  await send(connection, 'set transaction isolation level read committed')
  await send(connection, 'start transaction')
  const result = await send(connection, text)
  remembered(connection, await send(connection, 'commit'))
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

function remembered(connection: Mysql2Connection, answer: Answer): Answer {
  if (answer.state) autocommits.set(connection.connection, answer.state.autocommit)
  return answer
}

async function isIdle(connection: Mysql2Connection): Promise<boolean> {
  return await send(connection, 'rollback').then(
    () => true,
    () => false,
  )
}
