import { SteppingError } from '@stepping/core'
import type { PgClient } from './client.ts'

/** Follows a transaction that is open on a connection by what the server says there. */
export interface TransactionWatch {
  /**
   * This library's statement has just been answered.
   *
   * @returns whether the transaction has ended by now with a COMMIT directly after that statement.
   */
  sent(): () => boolean
  /** Whether its BEGIN was answered. */
  hasBegun(): boolean
  /**
   * What the server answered to the statement that ended the transaction: `COMMIT`, `ROLLBACK`, or
   * `an error`. Undefined while it is open, and when the answer was lost.
   */
  ended(): string | undefined
}

/**
 * Until the transaction ends: what runs on the connection afterwards is somebody else's.
 *
 * @param begun False: its BEGIN was sent and not answered yet, and what is answered before that is
 * somebody else's, too.
 */
export function watchTransaction(
  { connection, pipeline }: PgClient,
  begun = true,
): TransactionWatch {
  if (!connection) {
    throw new SteppingError(
      'NOT_SUPPORTED',
      'pg-native does not show what the server answered to COMMIT: use the JavaScript client of pg.',
    )
  }
  let last: string | undefined
  let answers = 0
  let over = false
  const onCommand = ({ text }: { readonly text: string }): void => {
    begun ||= text === 'BEGIN'
    last = text
    answers++
  }
  const onError = (): void => onCommand({ text: 'an error' })
  const onReady = ({ status }: { readonly status: string }): void => {
    if (status !== 'I' || !begun) return
    over = true
    connection.off('commandComplete', onCommand)
    connection.off('errorMessage', onError)
    connection.off('readyForQuery', onReady)
  }
  // Before the client, which at once sends what waits: by then it has to be known whether the transaction is over.
  connection.prependListener('commandComplete', onCommand)
  connection.prependListener('errorMessage', onError)
  connection.prependListener('readyForQuery', onReady)
  return {
    sent() {
      const mine = answers
      // Nothing between our statement and COMMIT: no ROLLBACK TO can have taken its row away. In a
      // pipeline more may have been answered before this is called.
      return () => over && last === 'COMMIT' && answers === mine + 1 && pipeline !== true
    },
    hasBegun: () => begun,
    ended: () => (over ? last : undefined),
  }
}
