import type { PgQueryable } from './query.ts'
import type { TransactionWatch } from './transaction-watch.ts'
import { plain, submit, wireQuery } from './wire.ts'

/**
 * Resolves when all is answered that was sent on this client, but for a BEGIN that is sent together with what comes
 * next. What nobody awaited may be a ROLLBACK: what is sent after that commits by itself, and until it is answered the
 * transaction looks open.
 */
export async function allAnswered(client: PgQueryable, watch: TransactionWatch): Promise<void> {
  if (unanswered(client) <= (watch.hasBegun() ? 0 : 1)) return
  const query = wireQuery(client, plain('select 1', false))
  await new Promise<void>((resolve) => {
    // Its error is one of the transaction, which the next statement meets as well.
    query.callback = () => resolve()
    submit(client, query)
  })
}

/** How many queries were sent, or are to be, that are not answered yet. */
function unanswered(client: PgQueryable): number {
  const { readyForQuery, _queryQueue = [], _sentQueryQueue = [] } = client as Partial<Queues>
  return (readyForQuery === false ? 1 : 0) + _queryQueue.length + _sentQueryQueue.length
}

/** What a client of node-postgres has to send, and in a pipeline has sent. */
interface Queues {
  readonly readyForQuery: boolean
  readonly _queryQueue: readonly unknown[]
  readonly _sentQueryQueue: readonly unknown[]
}
