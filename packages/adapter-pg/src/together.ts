import { newQuery } from '@stepping/sql/node-postgres'
import type { NamedQuery, PgQuery } from '@stepping/sql/node-postgres'
import type { PoolClient, Submittable } from 'pg'

/** What node-postgres sends with; its types keep it internal. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void; destroy(): void }
  parse(message: { readonly text: string; readonly name?: string }): void
  bind(message: object): void
  close(message: { readonly type: 'S'; readonly name: string }): void
  execute(message: object): void
  sync(): void
  emit(event: 'readyForQuery', message: { readonly status: string }): boolean
}

/** The query that node-postgres makes of a config, with the parts of it that are replaced here. */
interface WireQuery extends PgQuery {
  queryMode?: 'extended'
  callback: (error: Error | null) => void
  /** The end of what it sends: its execution, and the sync that has the server answer. */
  _getRows(wire: Wire): void
  handleCommandComplete(message: object, wire: Wire): void
  handleError(error: Error, wire: Wire): void
}

/**
 * On a client with `pipeline`: another one sends nothing before it has an answer. And where answers
 * have a time limit it would count for BEGIN, too, whose answer comes with that of the first statement.
 */
export function canBeginTogether(client: PoolClient): boolean {
  const { pipeline, connectionParameters } = client as PoolClient & {
    readonly pipeline?: boolean
    readonly connectionParameters: { readonly query_timeout?: number | false }
  }
  return pipeline && !connectionParameters.query_timeout
}

/**
 * Sends BEGIN with the first statement after it, if that comes before anything is waited for.
 *
 * There is no sync between the two, so a BEGIN that is refused has the server skip the statement, which
 * would else be committed by itself. What was skipped is never answered: the connection is ended.
 *
 * @returns what the server refused it with, if it did.
 */
export function beginTogether(client: PoolClient, begin: NamedQuery): () => Error | undefined {
  const query = newQuery(client, begin) as WireQuery
  query.queryMode = 'extended'
  const complete = query.handleCommandComplete.bind(query)
  let refusal: Error | undefined
  query.callback = () => {}
  endWith(query, (wire) => wire.execute({}))
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

/**
 * Sends a statement and COMMIT in one go. If the statement fails the server skips the COMMIT, and the
 * transaction is still there to be rolled back. Whether it committed is for the caller to see.
 */
export async function commitTogether(
  client: PoolClient,
  statement: NamedQuery,
  commit: NamedQuery,
): Promise<void> {
  const query = newQuery(client, statement) as WireQuery
  const wire = wireOf(client)
  endWith(query, () => {
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
  await new Promise<void>((resolve, reject) => {
    query.callback = (error) => (error ? reject(error) : resolve())
    submit(client, query)
  })
  // Only now: after a statement that failed it was not read.
  if (commit.name) hasCommit.add(wire)
}

/** Connections that have prepared their COMMIT. */
const hasCommit = new WeakSet<Wire>()

/** Replaces what comes last of what the query sends, after its parameters. */
function endWith(query: WireQuery, end: (wire: Wire) => void): void {
  // oxlint-disable-next-line no-underscore-dangle -- the one place where node-postgres sends the sync
  query._getRows = end
}

function submit(client: PoolClient, query: WireQuery): void {
  void client.query(query as unknown as Submittable)
}

function wireOf(client: PoolClient): Wire {
  return (client as unknown as { connection: Wire }).connection
}
