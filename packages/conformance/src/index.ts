export { describeDatabase } from './database/describe-database.ts'
export type {
  BarrierRow,
  BegunTransaction,
  DatabaseHarness,
  DatabaseOptions,
  OnceRow,
  OpenDatabase,
  Probe,
} from './database/harness.ts'
export { commitProxy } from './database/commit-proxy.ts'
export type { CommitProxy } from './database/commit-proxy.ts'
export { mysqlProbe } from './database/mysql-probe.ts'
export type { MysqlProbeQuery } from './database/mysql-probe.ts'
export { postgresProbe } from './database/postgres-probe.ts'
export type { ProbeQuery } from './database/postgres-probe.ts'
export { sqliteProbe } from './database/sqlite-probe.ts'
export type { SqliteProbeQuery } from './database/sqlite-probe.ts'
export type { Lacking, Offered } from './lacking.ts'
export { describeJobStore } from './job-store/describe-job-store.ts'
export type { JobStoreHarness, OpenStore, StoredJob } from './job-store/harness.ts'
export { describeTransactionManager } from './transaction-manager/describe-transaction-manager.ts'
export type {
  OpenData,
  OpenTransactionManager,
  TransactionManagerHarness,
  TransactionManagerLimits,
} from './transaction-manager/harness.ts'

// For tests of one store beside the kit's.
export {
  claimedGids,
  claimNew,
  claimOne,
  claimPrepared,
  ending,
  leaseMs,
  request,
  settle,
  stepEndings,
} from './job-store/claims.ts'
export { jobOf, tiedJobOf } from './job-store/jobs.ts'
