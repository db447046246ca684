import { durableCommit, rawSql, sql } from '@stepping/sql'
import type { AnySqlDatabase, Statement, Tables } from '@stepping/sql'
import type { Settlement } from '../job-store.ts'

/**
 * Writes a batch of endings and resolves with how many it wrote. A row is written only under its holder's
 * token and at the cursor that the holder saw, so a holder that lost its lease, or that repeats
 * itself, changes nothing.
 *
 * Each statement locks its rows in the order of their gids: two that share two rows in two orders would deadlock.
 * Rows stay where they are, and are written there. One that was written to after the statement's first look, such
 * as by a renewal, was moved by that: it is not seen there, and left for another try.
 */
export async function settleJobs(
  database: AnySqlDatabase,
  settlements: readonly Settlement[],
  keepHistory: boolean,
): Promise<number> {
  const finished = settlements.filter(({ to }) => to === 'finished')
  const others = settlements.filter(({ to }) => to !== 'finished')
  const [ended, changed] = await Promise.all([
    finishJobs(database, finished, keepHistory),
    changeJobs(database, others),
  ])
  return ended + changed
}

/** For most jobs all that there is to write. */
async function finishJobs(
  database: AnySqlDatabase,
  finished: readonly Settlement[],
  keepHistory: boolean,
): Promise<number> {
  if (finished.length === 0) return 0
  const { tables } = database
  const job = tables.table('job')
  const held = finished.map(({ gid, token, cursor }) => ({ gid, token, cursor }))
  // As a condition by itself the planner could make it a join; in this form it is a look into a hash table.
  const isHeld = sql`and case when (gid, lease_token, cursor) in (select gid, token, cursor from ended) then true end`
  const moved = sql`, moved as (
      insert into ${tables.table('history')} (gid, app, state, steps, last_error, created_at, finished_at)
      select gid, app, 'finished', steps, last_error, created_at, clock_timestamp() from deleted
      on conflict (gid) do nothing
    )`
  const { rows } = await database.run(sql`
    with ended as materialized (
      select * from json_to_recordset(${JSON.stringify(held)}::text::json) as e (gid text, token int, cursor int)
    ), ${lockedRows(tables, isHeld)}, deleted as (
      delete from ${job} where ctid = any(array(select place from locked where not keep))
      returning gid${keepHistory ? rawSql(', app, steps, last_error, created_at') : rawSql('')}
    ), kept as (
      update ${job} set state = 'finished', cursor = cursor + 1, next_step = null, retry_now = false,
        lease_owner = null, lease_until = null, finished_at = clock_timestamp()
      where ctid = any(array(select place from locked where keep))
      returning gid
    )${keepHistory ? moved : rawSql('')}
    select count(*)::int as written from (select from deleted union all select from kept) ended`)
  return Number(rows[0]!['written'])
}

/**
 * A repeat of `submitted` writes nothing. A pending `retry_now` outlives a failure: the operator's word is newer. Rows and
 * endings are joined by what no index is of: a plan made while there was hardly a job would walk the whole index for it.
 */
async function changeJobs(
  database: AnySqlDatabase,
  settlements: readonly Settlement[],
): Promise<number> {
  if (settlements.length === 0) return 0
  const { tables } = database
  const job = tables.table('job')
  const { affected } = await database.run(sql`
    with ended as materialized (
      select * from json_to_recordset(${JSON.stringify(settlements)}::text::json) as e
        (gid text, token int, cursor int, "to" text, "nextStep" text, "inMs" float8, "leaseMs" float8, error text)
    ), ${lockedRows(tables)}
    update ${job} j set
      state = case
        when e.to in ('submitted', 'rolledBack') then e.to
        when e.to = 'parked' and not j.retry_now then 'parked'
        else j.state end,
      cursor = j.cursor + (e.to = 'advanced')::int,
      next_step = case e.to when 'advanced' then e."nextStep" else j.next_step end,
      attempts = case
        when e.to in ('advanced', 'submitted') then 0
        when e.to in ('retried', 'parked') then j.attempts + 1
        else j.attempts end,
      due_at = case
        when e.to in ('retried', 'parked') and j.retry_now then clock_timestamp()
        when e.to in ('retried', 'returned') then clock_timestamp() + e."inMs" * interval '1 ms'
        else j.due_at end,
      retry_now = j.retry_now and e.to = 'returned',
      lease_owner = case when e.to in ('advanced', 'submitted') then j.lease_owner end,
      lease_until = case when e.to in ('advanced', 'submitted') then clock_timestamp() + e."leaseMs" * interval '1 ms' end,
      last_error = case
        when e.to in ('retried', 'parked') then e.error
        when e.to = 'advanced' then null
        else j.last_error end,
      finished_at = case when e.to = 'rolledBack' then clock_timestamp() end
    from ended e
    where j.ctid = any(array(select place from locked))
      and j.gid || '' = e.gid and j.lease_token = e.token and j.cursor = e.cursor
      and (j.state = 'prepared' or e.to <> 'submitted')`)
  return affected
}

/**
 * The gids of the batch are an array, which is looked up in one walk of the index; by a join each would be looked up from
 * the root. Nothing else may be what rows are found by: what the planner believes of leases and tokens is out of
 * date, and would have it compare every row with every ending.
 */
function lockedRows(tables: Tables, condition = rawSql('')): Statement {
  return sql`locked as materialized (
      select ctid as place, keep from ${tables.table('job')}
      where gid = any(array(select gid from ended)) and lease_until is not null
        and (select ${durableCommit}) is not null ${condition}
      order by gid
      for update
    )`
}

/** Where the rows stand that a batch did not write. */
export function readCursors(tables: Tables, gids: readonly string[]): Statement {
  return sql`
    select gid, lease_token, cursor, state, lease_until is not null as leased from ${tables.table('job')}
    where gid in (select json_array_elements_text(${JSON.stringify(gids)}::text::json))`
}
