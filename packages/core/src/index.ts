export { createStepping } from './stepping.ts'
export type { Stepping } from './stepping.ts'
export type { SteppingOptions } from './stepping-options.ts'
export { tenantDatabases } from './tenant-databases.ts'
export type { TenantDatabases, TenantDatabasesOptions } from './tenant-databases.ts'
export { defineStep, stepsFor } from './step.ts'
export type { AnyStep, OnceResult, Step, StepArgs, StepContext, StepOptions } from './step.ts'
export { parkJob, retryLater } from './step-ending.ts'
export { httpStep } from './http-step.ts'
export type { HttpStepArgs } from './http-step.ts'
export { unchecked } from './standard-schema.ts'
export type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.ts'
export type { JobSteps } from './job.ts'
export type {
  CommittableJob,
  Job,
  JobOptions,
  JobReceipt,
  LoneJobOptions,
  TransactionJob,
} from './job-handle.ts'
export type { TransactionOptions } from './transaction.ts'
export type {
  Health,
  JobAdmin,
  JobPageRequest,
  JobQuery,
  Jobs,
  JobState,
  JobView,
} from './job-admin.ts'
export { isSteppingError, SteppingError } from './errors.ts'
export type { SteppingErrorCode, SteppingErrorOptions } from './errors.ts'
export { describeError, toError } from './event.ts'
export type { SteppingEvent } from './event.ts'
export { consoleLogger, silentLogger } from './logger.ts'
export type { Logger } from './logger.ts'
export { retryDelayMs } from './retry-policy.ts'
export type { Backoff } from './retry-policy.ts'

// For authors of transaction managers and adapters.
export { assertGid, newGid } from './gid.ts'
export { hint } from './step-registry.ts'
export { assertNumber } from './option.ts'
export { Deadlines, Waiting } from './deadlines.ts'
export { LateAbort } from './late-abort.ts'
export type { NumberRange } from './option.ts'
export { cannotBeAsked } from './cannot-be-asked.ts'
export { idempotencyKeyOf, onceOwner } from './step-scope.ts'
export { barrierRetentionMs, jobRetentionMs, onceRetentionMs, safeAge } from './safe-age.ts'
export { pruneRows } from './prune.ts'
export type { PrunableBarrierRow, PrunableRows } from './prune.ts'
export { describeRef } from './nesting.ts'
export { assertClock, barrierTaken, barrierUndecided, databaseChanged } from './database-errors.ts'
export { Cleaner } from './cleaner.ts'
export { endsWithin } from './ends-within.ts'
export { migrateCall } from './migrate-call.ts'
export { assertDatabaseName } from './given.ts'
export { printKind } from './print-value.ts'
export type {
  AnyDatabase,
  Barrier,
  BarrierKey,
  CommittableContext,
  Database,
  DatabaseIdentity,
  DatabaseLimits,
  DatabaseRef,
  DbContext,
  OnceKey,
  OnceRows,
  PruneOptions,
} from './db-context.ts'
export type {
  Enlistment,
  JobRecord,
  Participant,
  StepCall,
  FailedOutcome,
  StepOutcome,
  StepRecord,
  TmOptions,
  TransactionManager,
} from './transaction-manager.ts'
