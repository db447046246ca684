export { describeJobStore } from './job-store/describe-job-store.ts'
export type { JobStoreHarness, OpenStore, StoredJob } from './job-store/harness.ts'

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
