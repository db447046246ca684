import { SteppingError } from '@stepping/core'
import { errorNumber, isUnreachable } from '../mysql/errors.ts'
import { toLiteralText } from '../mysql/literal.ts'
import type { SqlResult, Statement } from '../statement.ts'
import { outcomeUnknown } from '../transaction-errors.ts'
import { bytesWhenQuiet, isBusy } from './client.ts'
import type { Mysql2Connection } from './client.ts'
import { askState, send } from './send.ts'

/** Runs this library's statements in a transaction that is open on a connection, and watches over it. */
export interface TransactionGuard {
  /**
   * Right after its begin, in a session that does not commit by itself: there the next statement after
   * a deadlock or DDL begins another transaction, and nothing else tells the two apart.
   */
  mark(): Promise<void>
  /** @throws SteppingError `TRANSACTION_LOST` when the transaction that is open is not the marked one. */
  assertMarked(): Promise<void>
  /** @throws SteppingError `TRANSACTION_LOST` when the answer says that no transaction is open (any more). */
  execute(statement: Statement): Promise<SqlResult>
  /** @throws SteppingError `TRANSACTION_LOST` */
  assertOpen(): Promise<void>
  /**
   * Nothing was sent since this library's last statement, after which the transaction was open. A
   * COMMIT that is sent now comes directly after it, and says what became of it.
   */
  isUntouched(): boolean
}

/** `orElse`: what may have happened as well, where somebody else opened it. */
export function guardTransaction(connection: Mysql2Connection, orElse = ''): TransactionGuard {
  let quietAt: number | undefined
  let marked = false
  return {
    async mark() {
      await send(connection, 'savepoint stepping_begin')
      marked = true
    },
    async assertMarked() {
      if (!marked) return
      await send(connection, 'release savepoint stepping_begin').catch((error: unknown) => {
        throw errorNumber(error) === noSavepoint ? transactionEnded(orElse) : error
      })
    },
    async execute(statement) {
      quietAt = undefined
      const answer = await send(connection, toLiteralText(statement))
      if (answer.state?.inTransaction === false) throw transactionEnded(orElse)
      if (answer.state) quietAt = bytesWhenQuiet(connection)
      return answer
    },
    async assertOpen() {
      do {
        if (!(await askState(connection)).inTransaction) throw transactionEnded(orElse)
        // What was not awaited may have come in behind the question.
      } while (isBusy(connection))
    },
    isUntouched: () => quietAt !== undefined && quietAt === bytesWhenQuiet(connection),
  }
}

const noSavepoint = 1305

/** For this library's own: nobody else sends anything in it, and what ends it is DDL on purpose. */
export function ownTransaction(connection: Mysql2Connection): TransactionGuard {
  return {
    async mark() {},
    async assertMarked() {},
    execute: (statement) => send(connection, toLiteralText(statement)),
    async assertOpen() {},
    isUntouched: () => true,
  }
}

/**
 * COMMIT says "done" also where there is nothing to commit, so the transaction has to be open when
 * it is sent.
 *
 * @returns whether the COMMIT came directly after this library's last statement.
 */
export async function commit(
  connection: Mysql2Connection,
  guard: TransactionGuard,
): Promise<boolean> {
  await guard.assertMarked()
  if (!guard.isUntouched()) await guard.assertOpen()
  const untouched = guard.isUntouched()
  try {
    await send(connection, 'commit')
  } catch (error) {
    throw afterCommitWasSent(error)
  }
  return untouched
}

/** The server rolls back where it says so; of anything else nobody knows. */
export function afterCommitWasSent(error: unknown): unknown {
  const sqlState = (error as { sqlState?: unknown } | undefined)?.sqlState
  const rolledBack = typeof sqlState === 'string' && sqlState.startsWith('40')
  return rolledBack && !isUnreachable(error) ? error : outcomeUnknown(error)
}

export function transactionEnded(orElse = ''): SteppingError {
  return new SteppingError(
    'TRANSACTION_LOST',
    `The transaction is not open any more. A deadlock, whose error was swallowed or not awaited, rolled it back; or a statement ended it: COMMIT, ROLLBACK, or one of those, such as DDL, that commit by themselves. ${orElse}Begin again.`,
  )
}
