import { jobRetentionMs } from '@stepping/core'
import type { JobPageRequest, JobView } from '@stepping/core'
import { rawSql, sql, sqliteClock as clock } from '@stepping/sql'
import type { AnySqlDatabase, Statement, Tables } from '@stepping/sql'
import { isOver } from '../../job-state.ts'
import type { Row } from '../job-rows.ts'

/** As `viewOf` reads a row of the job table. */
const jobView = sql`
    select gid, app, state, steps, cursor, attempts, last_error,
      coalesce(lease_until > ${clock}, 0) as running, due_at, created_at, finished_at`

/** The same columns of the history. */
const pastView = sql`
    select gid, app, state, steps, null, 0, last_error, 0, finished_at, created_at, finished_at`

/** One statement, so that a job that moves to the history meanwhile is seen in one of the two. */
export function findJob(tables: Tables, gid: string): Statement {
  return sql`${jobView} from ${tables.table('job')} where gid = ${gid}
    union all ${pastView} from ${tables.table('history')} where gid = ${gid}
    limit 1`
}

/** The state is written out: a parameter's value is not known when a partial index is chosen. */
export function listJobs(tables: Tables, { app, state, limit, after }: JobPageRequest): Statement {
  const asked = sql`app = ${app} and state = ${rawSql(`'${state}'`)} and gid > ${after}`
  const past = isOver(state)
    ? sql`union all ${pastView} from ${tables.table('history')} where ${asked}`
    : rawSql('')
  return sql`${jobView} from ${tables.table('job')} where ${asked} ${past} order by gid limit ${limit}`
}

/**
 * Never touches a lease: whoever holds it goes on, and its failure is followed by the retry. So it is
 * where the lease has run out: its holder may still renew it, or end its attempt.
 */
export function retryJob(tables: Tables, gid: string): Statement {
  return sql`
    update ${tables.table('job')} set
      attempts = case state when 'parked' then 0 else attempts end,
      state = case state when 'parked' then 'submitted' else state end,
      retry_now = lease_until is not null,
      due_at = case when lease_until > ${clock} then due_at else ${clock} end
    where gid = ${gid} and state in ('prepared', 'submitted', 'parked')
    returning gid`
}

/** The new token refuses whatever an attempt that lost its lease may still write. */
export function endJob(tables: Tables, seen: JobView, as: 'cancelled' | 'rolledBack'): Statement {
  const done = seen.steps.filter((step) => step.done).length
  return sql`
    update ${tables.table('job')} set state = ${as}, finished_at = ${clock}, next_step = null,
      lease_token = lease_token + 1, lease_owner = null, lease_until = null
    where gid = ${seen.gid} and state = ${seen.state} and cursor = ${done}
      and (lease_until is null or lease_until <= ${clock})
    returning gid`
}

/** Two parts, because the waiting and the parked are found by two indexes. */
export function countJobs(tables: Tables, app: string): Statement {
  const job = tables.table('job')
  return sql`
    select state, count(*) as count from ${job}
    where app = ${app} and state in ('prepared', 'submitted') group by state
    union all
    select 'parked', count(*) from ${job} where app = ${app} and state = 'parked'`
}

/** Kept rows guard against late messages; see `jobRetentionMs`. */
export async function pruneJobs(
  database: AnySqlDatabase,
  limit: number,
  historyMs: number | null,
): Promise<readonly Row[]> {
  const { tables } = database
  const jobs = deleteOld(tables.table('job'), Math.max(jobRetentionMs, historyMs ?? 0), limit)
  const history = tables.table('history')
  const [job, old] = await database.batch(
    historyMs === null ? [jobs] : [jobs, deleteOld(history, historyMs, limit)],
  )
  return [{ jobs: job!.affected, history: old?.affected ?? 0 }]
}

function deleteOld(table: Statement, olderThanMs: number, limit: number): Statement {
  return sql`
    delete from ${table} where gid in (
      select gid from ${table}
      where finished_at < ${clock} - ${olderThanMs} order by finished_at limit ${limit})`
}

export function listAmong(
  tables: Tables,
  gids: readonly string[],
  states: readonly string[],
): Statement {
  return sql`
    select gid from ${tables.table('job')}
    where gid in (select value from json_each(${JSON.stringify(gids)}))
      and state in (select value from json_each(${JSON.stringify(states)}))`
}
