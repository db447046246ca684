import { SteppingError } from '@stepping/core'

/** What adapters throw about a transaction, in the same words. `why` ends the sentence. */
export function transactionUnusable(why: string): SteppingError {
  return new SteppingError('TRANSACTION_UNUSABLE', `This transaction cannot be used: ${why}.`)
}

/** Why a transaction that an adapter opened, and has not ended yet, cannot be used. */
export const overInCallback =
  'it is over: something in the callback sent COMMIT or ROLLBACK, or its connection was lost. What it had written may be committed, and no step of the job will run. Leave the end to stepping.transaction'

/** The server rolled back what the library, or the user, believes committed. */
export function transactionRolledBack(
  answer: string,
  options: { readonly cause?: unknown } = {},
): SteppingError {
  return new SteppingError(
    'TRANSACTION_ROLLED_BACK',
    `The server answered ${answer} to COMMIT: a statement in the transaction failed and its error was swallowed or not awaited. Nothing was stored.`,
    options,
  )
}

/** The answer to COMMIT was lost. */
export function outcomeUnknown(cause: unknown): SteppingError {
  return new SteppingError(
    'TRANSACTION_OUTCOME_UNKNOWN',
    'The connection was lost while the transaction committed: it may or may not have. Its steps are done if it did.',
    { cause },
  )
}
