import { sql, sqliteClock as clock } from '@stepping/sql'
import type { AnySqlDatabase, Statement, Tables } from '@stepping/sql'
import type { Settlement } from '../job-store.ts'

/**
 * Writes a batch of endings and resolves with how many it wrote. A row is written only under its
 * holder's token and at the cursor that the holder saw, so a holder that lost its lease, or that
 * repeats itself, changes nothing. A pending `retry_now` outlives a failure, and a repeat of
 * `submitted`: the operator's word is newer.
 */
export async function settleJobs(
  database: AnySqlDatabase,
  settlements: readonly Settlement[],
  keepHistory: boolean,
): Promise<number> {
  const { tables } = database
  const finished = settlements.filter(({ to }) => to === 'finished')
  const moves = finished.length > 0 && keepHistory ? [moveToHistory(tables, finished)] : []
  const deletes = finished.length > 0 ? [deleteFinished(tables, finished)] : []
  const changes = finished.length < settlements.length ? [changeJobs(tables, settlements)] : []
  const results = await database.batch([...moves, ...deletes, ...changes])
  const written = results.slice(moves.length).reduce((sum, { affected }) => sum + affected, 0)
  if (changes.length > 0 || written === settlements.length) return written
  // Of those that are left, each is kept for late messages, or not this holder's any more.
  return written + (await database.run(changeJobs(tables, finished))).affected
}

function moveToHistory(tables: Tables, finished: readonly Settlement[]): Statement {
  return sql`
    insert into ${tables.table('history')} (gid, app, state, steps, last_error, created_at, finished_at)
    select j.gid, j.app, 'finished', j.steps, j.last_error, j.created_at, ${clock}
    from ${done(tables, finished)} where true
    on conflict (gid) do nothing`
}

/** For most jobs all that there is to write. */
function deleteFinished(tables: Tables, finished: readonly Settlement[]): Statement {
  return sql`
    delete from ${tables.table('job')} where rowid in (select j.rowid from ${done(tables, finished)})`
}

/** Whose rows are deleted, and in which history, is decided by the same condition. */
function done(tables: Tables, finished: readonly Settlement[]): Statement {
  const held = finished.map(({ gid, token, cursor }) => [gid, token, cursor])
  return sql`(
    select value ->> 0 as gid, value ->> 1 as token, value ->> 2 as cursor
    from json_each(${JSON.stringify(held)})
  ) e join ${tables.table('job')} as j
    on j.gid = e.gid and j.lease_token = e.token and j.cursor = e.cursor
      and j.lease_until is not null and j.state in ('prepared', 'submitted') and not j.keep`
}

function changeJobs(tables: Tables, settlements: readonly Settlement[]): Statement {
  return sql`
    update ${tables.table('job')} as j set
      state = case
        when e.outcome in ('submitted', 'finished', 'rolledBack') then e.outcome
        when e.outcome = 'parked' and not j.retry_now then 'parked'
        else j.state end,
      cursor = j.cursor + (e.outcome in ('advanced', 'finished')),
      next_step = case e.outcome when 'advanced' then e.next_step when 'finished' then null else j.next_step end,
      attempts = case
        when e.outcome in ('advanced', 'submitted') then 0
        when e.outcome in ('retried', 'parked') then j.attempts + 1
        else j.attempts end,
      due_at = case
        when e.outcome in ('retried', 'parked') and j.retry_now then ${clock}
        when e.outcome in ('retried', 'returned') then ${clock} + cast(e.in_ms as integer)
        else j.due_at end,
      retry_now = j.retry_now and e.outcome = 'returned',
      lease_owner = case when e.outcome in ('advanced', 'submitted') then j.lease_owner end,
      lease_until = case when e.outcome in ('advanced', 'submitted') then ${clock} + cast(e.lease_ms as integer) end,
      last_error = case
        when e.outcome in ('retried', 'parked') then e.error
        when e.outcome = 'advanced' then null
        else j.last_error end,
      finished_at = case when e.outcome in ('finished', 'rolledBack') then ${clock} end
    from (
      select value ->> 'gid' as gid, value ->> 'token' as token, value ->> 'cursor' as cursor,
        value ->> 'to' as outcome, value ->> 'nextStep' as next_step, value ->> 'inMs' as in_ms,
        value ->> 'leaseMs' as lease_ms, value ->> 'error' as error
      from json_each(${JSON.stringify(settlements)})
    ) e
    where j.gid = e.gid and j.lease_token = e.token and j.cursor = e.cursor
      and j.lease_until is not null
      and (j.state = 'prepared' or j.state = 'submitted' and e.outcome <> 'submitted')`
}

/** Where the rows stand that a batch did not write. */
export function readCursors(tables: Tables, gids: readonly string[]): Statement {
  return sql`
    select gid, lease_token, cursor, state, lease_until is not null as leased from ${tables.table('job')}
    where gid in (select value from json_each(${JSON.stringify(gids)}))`
}
