/** What adapters over node-postgres share, whichever library is between. */
export { describeAddress } from './address.ts'
export type {
  PgAddress,
  PgClient,
  PgEmitter,
  PgListener,
  PgPool,
  PooledPgClient,
} from './client.ts'
export { commitTogether } from './commit-together.ts'
export { execute } from './execute.ts'
export type { PrepareOption } from './execute.ts'
export { connectBeside, listen } from './listen.ts'
export { surviveLoss, surviveLostConnections } from './lost-connections.ts'
export { assertCommitted, isOfLast } from './outcome.ts'
export type { PgQuery, PgQueryable } from './query.ts'
export { watchTransaction } from './transaction-watch.ts'
export type { TransactionWatch } from './transaction-watch.ts'
export { plain, submit, wireOf, wireQuery } from './wire.ts'
export type { Wire, WireQuery } from './wire.ts'
