import type { Statement } from '../statement.ts'
import { namedQuery } from './execute.ts'
import type { PgQueryable } from './query.ts'
import type { TransactionWatch } from './transaction-watch.ts'
import { sendWithin } from './send-within.ts'
import { plain, wireOf, wireQuery } from './wire.ts'
import type { Wire } from './wire.ts'

/** Connections that have prepared their COMMIT. */
const hasCommit = new WeakSet<Wire>()

/**
 * Sends a statement and COMMIT in one go. If the statement fails the server skips the COMMIT, and the
 * transaction is still there to be rolled back.
 *
 * @returns whether the server answered COMMIT directly after the statement. If not, none may have been sent.
 * @throws SteppingError `TRANSACTION_UNUSABLE` when the transaction is over: both would be one of their own.
 */
export async function commitTogether(
  client: PgQueryable,
  statement: Statement,
  prepare: boolean,
  watch: TransactionWatch,
): Promise<boolean> {
  const commit = plain('commit', prepare)
  const connection = wireOf(client)
  const query = wireQuery(client, namedQuery(statement, prepare), (wire) => {
    wire.execute({})
    if (!commit.name || !hasCommit.has(wire)) {
      // Where a COMMIT failed nobody knows whether it was prepared, and a second time is an error.
      if (commit.name) wire.close({ type: 'S', name: commit.name })
      wire.parse(commit)
    }
    wire.bind({ statement: commit.name })
    wire.execute({})
    wire.sync()
  })
  let committed = false
  const complete = query.handleCommandComplete.bind(query)
  query.handleCommandComplete = (message, wire) => {
    committed = message.text === 'COMMIT'
    complete(message, wire)
  }
  await sendWithin(client, watch, query)
  // Only now: after a statement that failed it was not read.
  if (commit.name && committed) hasCommit.add(connection)
  return committed
}
