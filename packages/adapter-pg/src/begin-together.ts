import { plain, submit, wireOf, wireQuery } from '@stepping/sql/node-postgres'
import type { PgClient, PgQueryable } from '@stepping/sql/node-postgres'

/**
 * On a client with `pipeline`: another one sends nothing before it has an answer. And where answers
 * have a time limit it would count for BEGIN, too, whose answer comes with that of the first statement.
 */
export function canBeginTogether(client: PgClient): boolean {
  const { pipeline, connectionParameters } = client as PgClient & {
    readonly connectionParameters: { readonly query_timeout?: number | false }
  }
  return pipeline === true && !connectionParameters.query_timeout
}

/**
 * Sends BEGIN with the first statement after it, if that comes before anything is waited for.
 *
 * There is no sync between the two, so a BEGIN that is refused has the server skip the statement, which
 * would else be committed by itself. What was skipped is never answered: the connection is ended.
 *
 * @returns what the server refused it with, if it did.
 */
export function beginTogether(
  client: PgQueryable,
  begin: string,
  prepare: boolean,
): () => Error | undefined {
  const query = wireQuery(client, plain(begin, prepare), (wire) => wire.execute({}))
  query.queryMode = 'extended'
  const complete = query.handleCommandComplete.bind(query)
  let refusal: Error | undefined
  query.callback = () => {}
  query.handleCommandComplete = (message, wire) => {
    complete(message, wire)
    // The server says so only after a sync. The next answer is the next query's.
    wire.emit('readyForQuery', { status: 'T' })
  }
  query.handleError = (error, wire) => {
    if ('severity' in error) refusal = error // else it is of the connection
    wire.stream.destroy()
  }
  const { stream } = wireOf(client)
  stream.cork()
  process.nextTick(() => stream.uncork())
  submit(client, query)
  return () => refusal
}
