import type { AnySqlDatabase, Statement, Tables } from '@stepping/sql'
import type { Row } from '../job-rows.ts'
import type { JobStatements } from '../job-statements.ts'
import { claimJobs, renewLeases } from './claim.ts'
import { insertJob, readContent, submitPrepared } from './insert.ts'
import { countJobs, endJob, findJob, listAmong, listJobs, pruneJobs, retryJob } from './ledger.ts'
import { migrations } from './migrations.ts'
import { readCursors, settleJobs } from './settle.ts'

/** Calls that are one statement, which is a transaction by itself. */
function one<Args extends readonly unknown[]>(
  statement: (tables: Tables, ...args: Args) => Statement,
): (database: AnySqlDatabase, ...args: Args) => Promise<readonly Row[]> {
  return async (database, ...args) => (await database.run(statement(database.tables, ...args))).rows
}

/** The statements of a job store on SQLite. */
export const sqliteStatements: JobStatements = {
  migrations,
  insertJob,
  submitPrepared: one(submitPrepared),
  readContent: one(readContent),
  claimJobs,
  renewLeases: one(renewLeases),
  settleJobs,
  readCursors: one(readCursors),
  findJob: one(findJob),
  listJobs: one(listJobs),
  retryJob: one(retryJob),
  endJob: one(endJob),
  countJobs: one(countJobs),
  pruneJobs,
  listAmong: one(listAmong),
}
