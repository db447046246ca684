export { selfTm } from './self-tm.ts'
export type { SelfTmOptions } from './self-tm.ts'
export { memoryJobStore } from './store/memory-job-store.ts'
export type { MemoryJobStoreOptions } from './store/memory-job-store.ts'
export { mongoJobStore } from './store/mongo/mongo-job-store.ts'
export type { AnyMongoDatabase, MongoContext } from './store/mongo/mongo-database.ts'
export { sqlJobStore } from './store/sql-job-store.ts'
export type { SqlJobStoreOptions } from './store/sql-job-store.ts'
export { printSchema } from './print-schema.ts'
export type { PrintSchemaOptions } from './print-schema.ts'
export { legalMoves } from './job-state.ts'

// For authors of stores.
export { assertSameContent, contentOf, decodeDatabase, decodeSteps } from './store/job-content.ts'
export type { JobContent } from './store/job-content.ts'
export type {
  Claim,
  Claimed,
  ClaimRequest,
  HeldLease,
  JobLedger,
  JobStore,
  LeaseRequest,
  NewLease,
  Settlement,
  SettleResult,
  Submitted,
} from './store/job-store.ts'
