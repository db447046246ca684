import { jobRetentionMs } from '@stepping/core'
import type { JobPageRequest, JobView } from '@stepping/core'
import { rawSql, sql } from '@stepping/sql'
import type { AnySqlDatabase, Statement, Tables } from '@stepping/sql'
import { epochMs, gidTable, list, now, nowPlus } from '@stepping/sql/mysql'
import { isOver } from '../../job-state.ts'
import type { Row } from '../job-rows.ts'

const texts = sql`cast(app as binary) as app, state, cast(steps as binary) as steps,
      cast(last_error as binary) as last_error`

/** As `viewOf` reads a row of the job table, called j. */
const jobView = sql`
    select gid, ${texts}, j.cursor, attempts, coalesce(lease_until > ${now}, 0) as running,
      ${epochMs(sql`due_at`)} as due_at, ${epochMs(sql`created_at`)} as created_at,
      ${epochMs(sql`finished_at`)} as finished_at`

/** The same columns of the history. */
const pastView = sql`
    select gid, ${texts}, null, 0, 0, ${epochMs(sql`finished_at`)}, ${epochMs(sql`created_at`)},
      ${epochMs(sql`finished_at`)}`

/** One statement, so that a job that moves to the history meanwhile is seen in one of the two. */
export function findJob({ table }: Tables, gid: string): Statement {
  return sql`${jobView} from ${table('job')} j where gid = ${gid}
    union all ${pastView} from ${table('history')} where gid = ${gid}
    limit 1`
}

export function listJobs(
  { table }: Tables,
  { app, state, limit, after }: JobPageRequest,
): Statement {
  const asked = (name: Statement): Statement =>
    sql`${name}.app = ${app} and ${name}.state = ${state} and ${name}.gid > ${after}`
  const past = isOver(state)
    ? sql`union all ${pastView} from ${table('history')} h where ${asked(rawSql('h'))}`
    : rawSql('')
  return sql`${jobView} from ${table('job')} j where ${asked(rawSql('j'))} ${past}
    order by gid limit ${limit}`
}

/**
 * Never touches a lease: whoever holds it goes on, and its failure is followed by the retry. So it is
 * where the lease has run out: its holder may still renew it, or end its attempt.
 */
export async function retryJob(database: AnySqlDatabase, gid: string): Promise<readonly Row[]> {
  const job = database.tables.table('job')
  const isActive = sql`gid = ${gid} and state in ('prepared', 'submitted', 'parked')`
  // One that is not committed yet would be waited for.
  const seen = await database.run(sql`select gid from ${job} where ${isActive}`)
  if (seen.rows.length === 0) return []
  return await database.atomically(async (execute) => {
    // The change may change nothing, so what it counts says nothing.
    const { rows } = await execute(sql`select gid from ${job} where ${isActive} for update`)
    await execute(sql`
      update ${job} set
        attempts = if(state = 'parked', 0, attempts),
        state = if(state = 'parked', 'submitted', state),
        retry_now = lease_until is not null,
        due_at = if(lease_until > ${now}, due_at, ${now})
      where ${isActive}`)
    return rows
  })
}

/** The new token refuses whatever an attempt that lost its lease may still write. */
export async function endJob(
  database: AnySqlDatabase,
  seen: JobView,
  as: 'cancelled' | 'rolledBack',
): Promise<readonly Row[]> {
  const done = seen.steps.filter((step) => step.done).length
  const { affected } = await database.run(sql`
    update ${database.tables.table('job')} j set state = ${as}, finished_at = ${now}, next_step = null,
      lease_token = lease_token + 1, lease_owner = null, lease_until = null
    where gid = ${seen.gid} and state = ${seen.state} and j.cursor = ${done}
      and (lease_until is null or lease_until <= ${now})`)
  return affected === 1 ? [{ gid: seen.gid }] : []
}

export function countJobs({ table }: Tables, app: string): Statement {
  return sql`
    select state, count(*) as \`count\` from ${table('job')}
    where state in ('prepared', 'submitted', 'parked') and app = ${app} group by state`
}

/** Kept rows guard against late messages; see `jobRetentionMs`. */
export async function pruneJobs(
  database: AnySqlDatabase,
  limit: number,
  historyMs: number | null,
): Promise<readonly Row[]> {
  const { table } = database.tables
  const keepMs = Math.max(jobRetentionMs, historyMs ?? 0)
  const jobs = await pruneTable(database, table('job'), keepMs, limit)
  const history =
    historyMs === null ? 0 : await pruneTable(database, table('history'), historyMs, limit)
  return [{ jobs, history }]
}

/** By primary key, and what is over stays over: a range delete would hold up inserts beside it. */
async function pruneTable(
  database: AnySqlDatabase,
  table: Statement,
  keepMs: number,
  limit: number,
): Promise<number> {
  const { rows } = await database.run(sql`
    select gid from ${table} where finished_at < ${nowPlus(-keepMs)} order by finished_at limit ${limit}`)
  if (rows.length === 0) return 0
  const gids = rows.map((row) => row['gid'] as string)
  return (
    await database.run(sql`
    delete j from ${gidTable(gids)} straight_join ${table} j force index (primary) on j.gid = these.id`)
  ).affected
}

export function listAmong(
  { table }: Tables,
  gids: readonly string[],
  states: readonly string[],
): Statement {
  return sql`select gid from ${table('job')} where gid in ${list(gids)} and state in ${list(states)}`
}
