/** What adapters over mysql2 share, whichever library is between. */
export { queryBy } from './client.ts'
export type { CallbackConnection, Mysql2Connection, PooledConnection } from './client.ts'
export { mysql2Driver } from './driver.ts'
export type { Mysql2Driver } from './driver.ts'
export { runAlone } from './run.ts'
export { commit, guardTransaction, ownTransaction } from './transaction.ts'
