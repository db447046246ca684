import { durableCommit, rawSql, sql } from '@stepping/sql'
import type { Statement, Tables } from '@stepping/sql'
import type { ClaimRequest, HeldLease } from '../job-store.ts'

/** How long a job has to be overdue before its unknown step is worth a word: another process may be about to take it. */
const overdueMs = 3_000

/** How many of the next jobs are looked at to find the time of the next one. */
const lookAheadRows = rawSql('200')

/**
 * The jobs handed out; then, if it is asked for, one last row with what comes next.
 *
 * The index on (app, due_at) gives the due jobs in order. Those that run now stand at its front
 * and are stepped over; `skip locked` steps over those that another process is claiming.
 * `statement_timestamp()` can be compared in the index, `clock_timestamp()` cannot.
 *
 * Locked rows stay where they are, so they are written by their place: to find them by their gids the
 * planner reads the whole table when they are many. One that another process wrote between this
 * statement's look and its lock is not at a place that this statement sees, and is left for the next.
 *
 * A lease that was not given up belonged to an attempt that nobody wrote the end of. It counts: a
 * step that kills its process would else be tried without end.
 */
export function claimJobs(tables: Tables, request: ClaimRequest): Statement {
  const { app, owner, leaseMs, limit, lookAheadMs } = request
  const job = tables.table('job')
  const names = stepNames(request)
  const claims = sql`
    with picked as materialized (
      select * from (
        select ctid as place, gid, lease_until is not null as cut_off from ${job}
        where app = ${app}::text and state in ('prepared', 'submitted') and due_at <= statement_timestamp()
          and (lease_until is null or lease_until <= statement_timestamp())
          and (state = 'prepared' or next_step in ${names})
        order by due_at limit ${atMost(limit)}
        for update skip locked
      ) due limit ${limit}::int
    ), claimed as (
      update ${job} set lease_owner = ${owner}::text, lease_token = lease_token + 1,
        attempts = attempts + (lease_until is not null and state = 'submitted')::int,
        lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 ms'
      where ctid = any(array(select place from picked)) and (select ${durableCommit}) is not null
      returning gid, lease_token, state, steps, cursor, attempts, database
    )`
  const columns = sql`gid, lease_token, state, steps, cursor, attempts, database,
      gid = any(array(select gid from picked where cut_off)) as cut_off`
  if (lookAheadMs === undefined) return sql`${claims} select ${columns} from claimed`
  return sql`${claims}, ahead as (
      select gid, state, next_step, due_at, lease_until from ${job}
      where app = ${app}::text and state in ('prepared', 'submitted')
        and due_at <= statement_timestamp() + ${lookAheadMs}::float8 * interval '1 ms'
      order by due_at limit ${lookAheadRows}
    ), upcoming as (
      select extract(epoch from greatest(due_at, coalesce(lease_until, due_at)) - statement_timestamp()) * 1000 as in_ms
      from ahead
      where gid not in (select gid from picked) and (state = 'prepared' or next_step in ${names})
    ), stuck as (
      select distinct next_step from ahead
      where state = 'submitted' and next_step not in ${names}
        and greatest(due_at, coalesce(lease_until, due_at)) < statement_timestamp() - ${overdueMs}::float8 * interval '1 ms'
    )
    select ${columns}, null::float8 as next_in_ms, null::text as unknown_steps from claimed
    union all
    select null, null, null, null, null, null, null, null,
      (select min(in_ms) from upcoming where in_ms <= ${lookAheadMs}::float8)::float8, (select json_agg(next_step) from stuck)::text`
}

function stepNames(request: ClaimRequest): Statement {
  return sql`(select json_array_elements_text(${JSON.stringify(request.stepNames)}::text::json))`
}

/**
 * The next power of eight, as text. Of a limit that is a parameter the planner knows nothing, and expects a tenth of all that
 * could be: a plan for any limit then looks dear, and it makes a new one each time, for longer than it takes to claim
 * fifty jobs. A tenth of this is no more than the limit, and there are only so many texts.
 */
function atMost(limit: number): Statement {
  return rawSql(`${8 ** Math.ceil(Math.log2(limit) / 3)}`)
}

/**
 * Locked in the order of their gids, as `settleJobs` does and says why, and looked up one by one in a lateral query that
 * the planner cannot take apart: after an ANALYZE that saw no lease it would expect none, and compare every row with
 * every lease. Then found by their gids again, and not by their places: what the operator did to a job meanwhile
 * must not cost it its lease. An array is looked up in the index, a join may not be.
 */
export function renewLeases(
  tables: Tables,
  held: readonly HeldLease[],
  leaseMs: number,
): Statement {
  const job = tables.table('job')
  return sql`
    with mine as materialized (
      select h.gid from (
        select * from json_to_recordset(${JSON.stringify(held)}::text::json) as h (gid text, token int)
        order by gid collate "C"
      ) h
      cross join lateral (
        select j.lease_token as token from ${job} j
        where j.gid = h.gid and j.lease_token = h.token and j.lease_until is not null
        for update
      ) held
      where held.token = h.token
    )
    update ${job} j set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 ms'
    where j.gid = any(array(select gid from mine))
    returning j.gid`
}
