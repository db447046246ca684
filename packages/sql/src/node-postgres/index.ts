/** What adapters over node-postgres share, whichever library is between. */
export { describeAddress } from './address.ts'
export type { PgAddress, PgClient, PgEmitter, PgListener, PgPool } from './client.ts'
export { connectBeside, listen } from './listen.ts'
export { surviveLoss, surviveLostConnections } from './lost-connections.ts'
export { plainTypes } from './plain-types.ts'
export { assertCommitted } from './outcome.ts'
export { watchTransaction } from './transaction-watch.ts'
export type { TransactionWatch } from './transaction-watch.ts'
