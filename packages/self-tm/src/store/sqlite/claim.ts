import { sql, sqliteClock as clock } from '@stepping/sql'
import { after } from './after.ts'
import type { AnySqlDatabase, Statement, Tables } from '@stepping/sql'
import { numberOrNull } from '../job-rows.ts'
import type { Row } from '../job-rows.ts'
import type { ClaimRequest, HeldLease } from '../job-store.ts'

/** How long a job has to be overdue before its unknown step is worth a word: another process may be about to take it. */
const overdueMs = 3_000

/** How many of the next jobs are looked at to find the time of the next one. */
const lookAheadRows = 200

/** How often other processes may be quicker before this one tries again later. */
const tries = 5

/**
 * The jobs handed out, then one last row with what comes next. Due jobs are looked for without the
 * write lock, so that idle processes do not take turns at it.
 */
export async function claimJobs(
  database: AnySqlDatabase,
  request: ClaimRequest,
): Promise<readonly Row[]> {
  const claimed = await claimDue(database, request)
  if (request.lookAheadMs === undefined) return claimed
  const gids = claimed.map((row) => row['gid'] as string)
  const ahead = await database.run(lookAhead(database.tables, request, request.lookAheadMs, gids))
  return [...claimed, ...ahead.rows]
}

async function claimDue(database: AnySqlDatabase, request: ClaimRequest): Promise<readonly Row[]> {
  const { tables } = database
  for (let i = 0; i < tries; i++) {
    const seen = (await database.run(dueJobs(tables, request))).rows
    if (seen.length === 0) return []
    const { rows } = await database.run(takeJobs(tables, request, seen))
    const taken = new Map(rows.map((row) => [row['gid'], row]))
    const claims = seen.filter(({ gid }) => taken.has(gid))
    if (claims.length > 0) return claims.map((row) => ({ ...row, ...taken.get(row['gid']) }))
  }
  return []
}

/** The index on (app, due_at) gives them in order. Those that run now stand at its front and are stepped over. */
function dueJobs(tables: Tables, { app, limit, stepNames }: ClaimRequest): Statement {
  return sql`
    select gid, lease_token, lease_until, lease_until is not null as cut_off from ${tables.table('job')}
    where app = ${app} and state in ('prepared', 'submitted') and due_at <= ${clock}
      and (lease_until is null or lease_until <= ${clock})
      and (state = 'prepared' or next_step in ${listOf(stepNames)})
    order by due_at limit ${limit}`
}

/**
 * Those that stand as they were seen: nobody has taken them, or given their lease up, meanwhile.
 *
 * A lease that was not given up belonged to an attempt that nobody wrote the end of. It counts: a
 * step that kills its process would else be tried without end.
 */
function takeJobs(
  tables: Tables,
  { owner, leaseMs }: ClaimRequest,
  rows: readonly Row[],
): Statement {
  const seen = rows.map((row) => [
    row['gid'],
    Number(row['lease_token']),
    numberOrNull(row['lease_until']),
  ])
  return sql`
    update ${tables.table('job')} as j set lease_owner = ${owner}, lease_token = j.lease_token + 1,
      attempts = j.attempts + (j.lease_until is not null and j.state = 'submitted'),
      lease_until = ${after(leaseMs)}
    from (
      select value ->> 0 as gid, value ->> 1 as token, value ->> 2 as until
      from json_each(${JSON.stringify(seen)})
    ) seen
    where j.gid = seen.gid and j.lease_token = seen.token and j.lease_until is seen.until
      and j.state in ('prepared', 'submitted')
    returning gid, lease_token, state, steps, cursor, attempts, database`
}

function lookAhead(
  tables: Tables,
  { app, stepNames }: ClaimRequest,
  withinMs: number,
  claimed: readonly string[],
): Statement {
  const names = listOf(stepNames)
  return sql`
    with ahead as materialized (
      select gid, state, next_step, max(due_at, coalesce(lease_until, due_at)) - ${clock} as in_ms
      from ${tables.table('job')}
      where app = ${app} and state in ('prepared', 'submitted') and due_at <= ${after(withinMs)}
      order by due_at limit ${lookAheadRows}
    )
    select null as gid,
      (
        select min(in_ms) from ahead
        where in_ms <= ${withinMs} and gid not in ${listOf(claimed)}
          and (state = 'prepared' or next_step in ${names})
      ) as next_in_ms,
      (
        select json_group_array(distinct next_step) from ahead
        where in_ms < ${-overdueMs} and state = 'submitted' and next_step not in ${names}
      ) as unknown_steps`
}

export function renewLeases(
  tables: Tables,
  held: readonly HeldLease[],
  leaseMs: number,
): Statement {
  return sql`
    update ${tables.table('job')} as j set lease_until = ${after(leaseMs)}
    from (
      select value ->> 'gid' as gid, value ->> 'token' as token from json_each(${JSON.stringify(held)})
    ) held
    where j.gid = held.gid and j.lease_token = held.token and j.lease_until is not null
    returning gid`
}

function listOf(values: readonly string[]): Statement {
  return sql`(select value from json_each(${JSON.stringify(values)}))`
}
