import { jobRetentionMs } from '@stepping/core'
import type { JobPageRequest, JobView } from '@stepping/core'
import { durableCommit, rawSql, sql } from '@stepping/sql'
import type { Statement, Tables } from '@stepping/sql'
import { isOver } from '../../job-state.ts'

const epochMs = (column: string): Statement =>
  rawSql(`(extract(epoch from ${column}) * 1000)::float8`)

/** As `viewOf` reads a row of the job table. */
const jobView = sql`
    select gid, app, state, steps, cursor, attempts, last_error,
      coalesce(lease_until > clock_timestamp(), false) as running, ${epochMs('due_at')} as due_at,
      ${epochMs('created_at')} as created_at, ${epochMs('finished_at')} as finished_at`

/** The same columns of the history. */
const pastView = sql`
    select gid, app, state, steps, null, 0, last_error, false, ${epochMs('finished_at')},
      ${epochMs('created_at')}, ${epochMs('finished_at')}`

/** One statement, so that a job that moves to the history meanwhile is seen in one of the two. */
export function findJob(tables: Tables, gid: string): Statement {
  return sql`${jobView} from ${tables.table('job')} where gid = ${gid}::text
    union all ${pastView} from ${tables.table('history')} where gid = ${gid}::text
    limit 1`
}

/** The state is written out: a parameter's value is not known when a partial index is chosen. */
export function listJobs(tables: Tables, { app, state, limit, after }: JobPageRequest): Statement {
  const asked = sql`app = ${app}::text and state = ${rawSql(`'${state}'`)} and gid > ${after}::text`
  const past = isOver(state)
    ? sql`union all ${pastView} from ${tables.table('history')} where ${asked}`
    : rawSql('')
  return sql`${jobView} from ${tables.table('job')} where ${asked} ${past}
    order by gid limit ${limit}::int`
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
      due_at = case when lease_until > clock_timestamp() then due_at else clock_timestamp() end
    from (select ${durableCommit} as durable) guard
    where gid = ${gid}::text and state in ('prepared', 'submitted', 'parked') and durable is not null
    returning gid`
}

/**
 * The new token refuses whatever an attempt that lost its lease may still write. The row is found as
 * `submitPrepared` does and says why.
 */
export function endJob(tables: Tables, seen: JobView, as: 'cancelled' | 'rolledBack'): Statement {
  const done = seen.steps.filter((step) => step.done).length
  return sql`
    update ${tables.table('job')} set state = ${as}::text, finished_at = clock_timestamp(), next_step = null,
      lease_token = lease_token + 1, lease_owner = null, lease_until = null
    from (select ${durableCommit} as durable) guard
    where gid = ${seen.gid}::text and state || '' = ${seen.state}::text and cursor = ${done}::int
      and (lease_until is null or lease_until <= clock_timestamp()) and durable is not null
    returning gid`
}

/** Two parts, because the waiting and the parked are found by two indexes. */
export function countJobs(tables: Tables, app: string): Statement {
  const job = tables.table('job')
  return sql`
    select state, count(*)::int as count from ${job}
    where app = ${app}::text and state in ('prepared', 'submitted') group by state
    union all
    select 'parked', count(*)::int from ${job} where app = ${app}::text and state = 'parked'`
}

/** Kept rows guard against late messages; see `jobRetentionMs`. */
export function pruneJobs(tables: Tables, limit: number, historyMs: number | null): Statement {
  const job = tables.table('job')
  const history = tables.table('history')
  return sql`
    with over as (
      delete from ${job} where gid in (
        select gid from ${job}
        where finished_at < clock_timestamp() - ${Math.max(jobRetentionMs, historyMs ?? 0)}::float8 * interval '1 ms'
        order by finished_at limit ${limit}::int for update skip locked)
      returning 1
    ), old as (
      delete from ${history} where gid in (
        select gid from ${history}
        where ${historyMs !== null}::boolean
          and finished_at < clock_timestamp() - ${historyMs ?? 0}::float8 * interval '1 ms'
        order by finished_at limit ${limit}::int for update skip locked)
      returning 1
    )
    select (select count(*) from over)::int as jobs, (select count(*) from old)::int as history`
}

export function listAmong(
  tables: Tables,
  gids: readonly string[],
  states: readonly string[],
): Statement {
  return sql`
    select gid from ${tables.table('job')}
    where gid in (select json_array_elements_text(${JSON.stringify(gids)}::text::json))
      and state in (select json_array_elements_text(${JSON.stringify(states)}::text::json))`
}
