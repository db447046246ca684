/** What adapters over mysql2 share, whichever library is between. */
export { describeAddress } from './address.ts'
export { coreOf } from './client.ts'
export type { CoreConnection, Mysql2Address, Mysql2Connection, Mysql2Pool } from './client.ts'
export { giveBack, runAlone } from './run.ts'
export { askState, send } from './send.ts'
export type { Answer, ConnectionState } from './send.ts'
export {
  afterCommitWasSent,
  commit,
  guardTransaction,
  ownTransaction,
  transactionEnded,
} from './transaction.ts'
export type { TransactionGuard } from './transaction.ts'
