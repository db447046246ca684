import { numbered, toText } from '../statement.ts'
import type { SqlResult, Statement } from '../statement.ts'
import type { PgPool } from './client.ts'
import { newQuery } from './query.ts'
import type { NamedQuery, PgQueryable, PgResult } from './query.ts'
import { sendWithin } from './send-within.ts'
import { statementName } from './statement-name.ts'
import type { TransactionWatch } from './transaction-watch.ts'
import { wireQuery } from './wire.ts'

export interface PrepareOption {
  /**
   * Lets each connection of node-postgres prepare this library's statements once, which saves the
   * server much of its work. Default false: a pooler in transaction mode has to support it (PgBouncer
   * since 1.21).
   */
  readonly prepare?: boolean
}

export function namedQuery(statement: Statement, prepare: boolean): NamedQuery {
  const text = toText(statement, numbered)
  const values = [...statement.values]
  return prepare && values.length > 0
    ? { text, values, name: statementName(text) }
    : { text, values }
}

/**
 * @param on A pool, or a client.
 * @param within The transaction that is open on the client: the statement is sent in it, or not at all.
 * @throws SteppingError `TRANSACTION_UNUSABLE` when it was not sent.
 */
export async function execute(
  on: PgQueryable | PgPool,
  statement: Statement,
  prepare: boolean,
  within?: TransactionWatch,
): Promise<SqlResult> {
  const query = namedQuery(statement, prepare)
  const { rows, rowCount } = await ('totalCount' in on
    ? onAnyClient(on, query)
    : within
      ? sendWithin(on, within, wireQuery(on, query))
      : send(on, query))
  return { rows, affected: rowCount ?? 0 }
}

/** As the `query` of a pool does, which in older versions never answers to a query that is made already. */
async function onAnyClient(pool: PgPool, query: NamedQuery): Promise<PgResult> {
  const client = await pool.connect()
  try {
    const result = await send(client, query)
    client.release()
    return result
  } catch (error) {
    client.release(true)
    throw error
  }
}

async function send(client: PgQueryable, query: NamedQuery): Promise<PgResult> {
  return await new Promise((resolve, reject) => {
    client.query(newQuery(client, query), (error, result) =>
      error ? reject(error) : resolve(result),
    )
  })
}
