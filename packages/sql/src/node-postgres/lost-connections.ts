import type { PgClient, PgEmitter, PgPool } from './client.ts'

function ignore(): void {}

/**
 * A connection that is lost fails the statement that runs on it, and is an 'error' event as well,
 * which ends the process where nobody listens. The pool listens to its idle connections only, and
 * turns theirs into an event of its own.
 */
export function surviveLostConnections(pool: PgPool): void {
  if (pool.listeners('error').includes(ignore)) return
  pool.on('error', ignore)
  pool.on('acquire', surviveLoss)
  pool.on('release', dropIfInTransaction)
}

/** The same of one connection, which the pool may have handed out before it was known here. */
export function surviveLoss(client: PgEmitter): void {
  if (!client.listeners('error').includes(ignore)) client.on('error', ignore)
}

/**
 * With `query_timeout`, a ROLLBACK can be given up before it was sent. Whoever got this connection
 * next would write into the transaction that is still open there, and lose it all when it ends.
 * The pool keeps no connection that is ending.
 */
function dropIfInTransaction(_error: unknown, client: PgClient): void {
  const status = client.getTransactionStatus?.()
  if (status === 'T' || status === 'E') void client.end().catch(ignore)
}
