import type { Statement } from '../statement.ts'
import type { PooledPgClient } from './client.ts'
import { namedQuery } from './execute.ts'
import type { PgQueryable } from './query.ts'
import type { TransactionWatch } from './transaction-watch.ts'
import { plain, submit, wireOf, wireQuery } from './wire.ts'
import type { Wire } from './wire.ts'

/** Connections that have prepared their COMMIT. */
const hasCommit = new WeakSet<Wire>()

/**
 * Sends a statement and COMMIT in one go. If the statement fails the server skips the COMMIT, and the
 * transaction is still there to be rolled back. Whether it committed is for the caller to see.
 */
export async function commitTogether(
  client: PgQueryable,
  statement: Statement,
  prepare: boolean,
): Promise<void> {
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
  await new Promise<void>((resolve, reject) => {
    query.callback = (error) => (error ? reject(error) : resolve())
    submit(client, query)
  })
  // Only now: after a statement that failed it was not read.
  if (commit.name) hasCommit.add(connection)
}

/**
 * Sends a statement together with the COMMIT that a library sends next on this client. Everything else that is sent
 * there goes as it is.
 *
 * @returns whether COMMIT was answered directly after the statement.
 */
export function joinCommit(
  client: PooledPgClient,
  statement: Statement,
  prepare: boolean,
  watch: TransactionWatch,
): () => boolean {
  const { release } = client
  const sending = client as unknown as { query: (...args: readonly unknown[]) => unknown }
  const asItIs = sending.query
  let joined = false
  sending.query = (...args) => {
    const isCommit = (args[0] as { text?: unknown } | undefined)?.text === 'commit'
    // Given back, the client is somebody else's.
    const isMine = client.release === release
    if (isCommit || !isMine) sending.query = asItIs
    return isCommit && isMine ? sendJoined(args) : Reflect.apply(asItIs, client, args)
  }
  return () => joined

  async function sendJoined(commit: readonly unknown[]): Promise<unknown> {
    await commitTogether(client, statement, prepare)
    joined = watch.ended() === 'COMMIT'
    return joined ? undefined : await sending.query(...commit)
  }
}
