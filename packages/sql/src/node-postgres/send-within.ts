import { errorCode } from '../postgres/errors.ts'
import { overInCallback, transactionUnusable } from '../transaction-errors.ts'
import type { PgClient } from './client.ts'
import type { PgQueryable, PgResult } from './query.ts'
import type { TransactionWatch } from './transaction-watch.ts'
import { plain, submit, wireQuery } from './wire.ts'
import type { WireQuery } from './wire.ts'

/**
 * Sends a query in the transaction that is watched, or not at all. What nobody awaited may be a ROLLBACK: what is sent
 * after that commits by itself, and until it is answered the transaction looks open. A client sends the next query when
 * the one before is answered, and asks the query to write itself: there it is seen whether the transaction has ended.
 *
 * @throws SteppingError `TRANSACTION_UNUSABLE` when it was not sent.
 */
export async function sendWithin(
  client: PgQueryable & Pick<PgClient, 'pipeline'>,
  watch: TransactionWatch,
  query: WireQuery,
): Promise<PgResult> {
  const refusal = (): Error | undefined =>
    watch.ended() === undefined ? undefined : transactionUnusable(overInCallback)
  const write = query.submit.bind(query)
  query.submit = (wire) => refusal() ?? write(wire)
  const send = async (): Promise<PgResult> =>
    await new Promise<PgResult>((resolve, reject) => {
      query.callback = (error, result) => (error ? reject(error) : resolve(result))
      submit(client, query)
    })
  return await (client.pipeline ? whenAnswered(client, watch, send) : send())
}

/** Two that wait on one client would keep each other waiting, by what each of them asks. */
const turns = new WeakMap<PgQueryable, Promise<unknown>>()

/** In milliseconds. What goes on for longer, one statement after another that nobody awaits, may go on for ever. */
const patienceMs = 5_000

/**
 * In a pipeline a query is written at once: so it is sent when all is answered that was sent before, but for a BEGIN that
 * is sent together with what comes next. Each answer may have more sent, so it is looked at again, and sent in
 * the very moment in which nothing is under way.
 */
async function whenAnswered(
  client: PgQueryable,
  watch: TransactionWatch,
  send: () => Promise<PgResult>,
): Promise<PgResult> {
  const isWaiting = (): boolean =>
    watch.ended() === undefined && unanswered(client) > (watch.hasBegun() ? 0 : 1)
  const before = turns.get(client)
  if (!before && !isWaiting()) return await send()
  const turn = (async () => {
    await before?.catch(() => {})
    for (const sinceMs = performance.now(); isWaiting(); await answer(client)) {
      if (performance.now() - sinceMs <= patienceMs) continue
      throw transactionUnusable(
        `for ${patienceMs / 1_000} s something has sent one statement after another on its client. Tie the job when they are answered`,
      )
    }
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
