import { errorCode } from '../postgres/errors.ts'
import type { PgQueryable } from './query.ts'
import type { TransactionWatch } from './transaction-watch.ts'
import { plain, submit, wireQuery } from './wire.ts'

/** Two that wait on one client would keep each other waiting, by what each of them asks. */
const turns = new WeakMap<PgQueryable, Promise<unknown>>()

/**
 * Sends when all is answered that was sent on this client before, but for a BEGIN that is sent together with what
 * comes next. What nobody awaited may be a ROLLBACK: what is sent after that commits by itself, and until it is
 * answered the transaction looks open. Each answer may have more sent, so it is looked at again, and sent in the
 * very moment in which nothing is under way.
 *
 * @param send Has to look whether the transaction is open, and to send before it first waits.
 */
export async function whenAnswered<R>(
  client: PgQueryable,
  watch: TransactionWatch,
  send: () => Promise<R>,
): Promise<R> {
  const isWaiting = (): boolean =>
    watch.ended() === undefined && unanswered(client) > (watch.hasBegun() ? 0 : 1)
  const before = turns.get(client)
  if (!before && !isWaiting()) return await send()
  const turn = (async () => {
    await before?.catch(() => {})
    while (isWaiting()) await answer(client)
    return await send()
  })()
  turns.set(client, turn)
  try {
    return await turn
  } finally {
    if (turns.get(client) === turn) turns.delete(client)
  }
}

/** @throws Error when none comes: the connection is lost, or it took too long. */
async function answer(client: PgQueryable): Promise<void> {
  const query = wireQuery(client, plain('select 1', false))
  await new Promise<void>((resolve, reject) => {
    query.callback = (error) => {
      // A server's error is one of the transaction, which the next statement meets as well.
      if (error && errorCode(error) === undefined) reject(error)
      else resolve()
    }
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
