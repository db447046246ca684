import { errorCode, isUnreachable } from '../postgres/errors.ts'
import { outcomeUnknown, transactionRolledBack } from '../transaction-errors.ts'
import type { TransactionWatch } from './transaction-watch.ts'

/**
 * Of a transaction whose COMMIT was sent; `error` is what its library rejected with, if it did.
 * What the server said counts: a library may resolve on ROLLBACK, and may reject after COMMIT, for
 * example with the error of a hook.
 *
 * @throws SteppingError `TRANSACTION_ROLLED_BACK`, `TRANSACTION_OUTCOME_UNKNOWN`; the error itself
 * when it is the server's refusal of the COMMIT.
 */
export function assertCommitted(watch: TransactionWatch, error?: unknown): void {
  const answer = watch.ended()
  if (answer === 'COMMIT') return
  // With a SQLSTATE the server has answered, though its state may not have arrived yet.
  const isAnswer = errorCode(error) !== undefined && !isUnreachable(error)
  if (isAnswer && answer !== 'ROLLBACK') throw error
  if (answer === undefined) throw outcomeUnknown(error)
  throw transactionRolledBack(answer, error === undefined ? {} : { cause: error })
}

/**
 * Of a statement and a COMMIT that were sent together, whether the statement was refused, and neither the COMMIT nor what came before.
 *
 * @param ended What the transaction ended with, after it was rolled back.
 */
export function isOfLast(error: unknown, ended: string | undefined): boolean {
  return ended === 'ROLLBACK' && errorCode(error) !== '25P02'
}
