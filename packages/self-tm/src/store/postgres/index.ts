import { claimJobs, renewLeases } from './claim.ts'
import { insertJob, notify, readContent, submitPrepared } from './insert.ts'
import { countJobs, endJob, findJob, listAmong, pruneJobs, retryJob } from './ledger.ts'
import { migrations } from './migrations.ts'
import { readCursors, settleJobs } from './settle.ts'
import type { JobStatements } from '../job-statements.ts'

/** The statements of a job store on PostgreSQL. */
export const postgresStatements: JobStatements = {
  migrations,
  insertJob,
  submitPrepared,
  readContent,
  notify,
  claimJobs,
  renewLeases,
  settleJobs,
  readCursors,
  findJob,
  retryJob,
  endJob,
  countJobs,
  pruneJobs,
  listAmong,
}
