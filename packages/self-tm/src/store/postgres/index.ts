import type { AnySqlDatabase, Statement, Tables } from '@stepping/sql'
import { claimJobs, renewLeases } from './claim.ts'
import { insertJob, insertLast, notify, readContent, submitPrepared } from './insert.ts'
import { countJobs, endJob, findJob, listAmong, listJobs, pruneJobs, retryJob } from './ledger.ts'
import { migrations } from './migrations.ts'
import { readCursors, settleJobs } from './settle.ts'
import type { Row } from '../job-rows.ts'
import type { JobStatements } from '../job-statements.ts'

/** Here each call is one statement, which is a transaction by itself. */
function one<Args extends readonly unknown[]>(
  statement: (tables: Tables, ...args: Args) => Statement,
): (database: AnySqlDatabase, ...args: Args) => Promise<readonly Row[]> {
  return async (database, ...args) => (await database.run(statement(database.tables, ...args))).rows
}

/** The statements of a job store on PostgreSQL. */
export const postgresStatements: JobStatements = {
  migrations,
  insertJob,
  insertLast,
  submitPrepared: one(submitPrepared),
  readContent: one(readContent),
  notify: one((_tables: Tables, channel: string) => notify(channel)),
  claimJobs: one(claimJobs),
  renewLeases: one(renewLeases),
  settleJobs,
  readCursors: one(readCursors),
  findJob: one(findJob),
  listJobs: one(listJobs),
  retryJob: one(retryJob),
  endJob: one(endJob),
  countJobs: one(countJobs),
  pruneJobs: one(pruneJobs),
  listAmong: one(listAmong),
}
