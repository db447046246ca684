import type { JobRecord } from '@stepping/core'
import { durableCommit, errorCode, sql } from '@stepping/sql'
import type { Execute, Inserted, Statement, Tables } from '@stepping/sql'
import { contentOf } from '../job-content.ts'
import type { InsertLast, JobInsert } from '../job-statements.ts'
import type { LeaseRequest } from '../job-store.ts'

/**
 * `clock_timestamp()` and not `now()`, which is when the transaction began: a lease counted from
 * there would have run out, for everyone else, while its holder still trusts it.
 */
export async function insertJob(
  tables: Tables,
  execute: Execute,
  insert: JobInsert,
  open: Statement,
): Promise<Inserted | 'lost'> {
  const { job, state, dueInMs, keep, lease } = insert
  const { app, steps, database } = contentOf(job)
  const { rows } = await execute(sql`
    with guard as materialized (
      select clock_timestamp() < to_timestamp(${job.notAfter}::float8 / 1000) as timely, ${open} as open, ${durableCommit} as durable
    ), inserted as (
      insert into ${tables.table('job')} (gid, app, state, steps, next_step, database, keep, due_at, lease_owner, lease_token, lease_until)
      select ${job.gid}::text, ${app}::text, ${state}::text, ${steps}::text, ${job.steps[0]!.name}::text, ${database}::text, ${keep}::boolean,
        clock_timestamp() + ${dueInMs}::float8 * interval '1 ms',
        ${lease?.owner ?? null}::text, ${lease?.token ?? 0}::int, clock_timestamp() + ${lease?.leaseMs ?? null}::float8 * interval '1 ms'
      from guard where timely and open and durable is not null
      on conflict (gid) do nothing
      returning 1
    )
    select timely, open, exists (select 1 from inserted) as inserted from guard`)
  const row = rows[0]
  if (row?.['inserted'] === true) return 'inserted'
  if (row?.['open'] !== true) return 'lost'
  return row['timely'] === true ? 'exists' : 'expired'
}

/** Cheaper to plan than `insertJob`, and its answer need not be read before the COMMIT is sent. */
export const insertLast: InsertLast = {
  statement(tables, { job, state, keep, lease }) {
    const { app, steps, database } = contentOf(job)
    return sql`
    insert into ${tables.table('job')} (gid, app, state, steps, next_step, database, keep, lease_owner, lease_token, lease_until, due_at)
    values (${job.gid}, ${app}, ${state}, ${steps}, ${job.steps[0]!.name}, ${database}, ${keep},
      ${lease?.owner ?? null}, ${lease?.token ?? 0}, clock_timestamp() + ${lease?.leaseMs ?? null}::float8 * interval '1 ms',
      case when ${durableCommit} is not null and clock_timestamp() < to_timestamp(${job.notAfter}::float8 / 1000) then clock_timestamp() end)`
  },
  whyNot(error) {
    const code = errorCode(error)
    if (code === '23505') return 'exists'
    // due_at, which is null when the job comes too late, is the only column that can be.
    return code === '23502' ? 'expired' : undefined
  },
}

/**
 * Moves a prepared job on; no row when it is not prepared (any more).
 *
 * The row is found by its gid and nothing else. Of `state = 'prepared'` the planner may believe that few
 * rows are, as in a table that it has no statistics of, and read all of the app's in job_due instead; no index
 * is for an expression.
 */
export function submitPrepared(tables: Tables, job: JobRecord, lease?: LeaseRequest): Statement {
  const { app, steps, database } = contentOf(job)
  return sql`
    update ${tables.table('job')} set state = 'submitted', attempts = 0, due_at = clock_timestamp(), retry_now = false,
      lease_token = lease_token + 1, lease_owner = ${lease?.owner ?? null}::text,
      lease_until = clock_timestamp() + ${lease?.leaseMs ?? null}::float8 * interval '1 ms'
    from (select ${durableCommit} as durable) guard
    where gid = ${job.gid}::text and state || '' = 'prepared' and app = ${app}::text and steps = ${steps}::text
      and database is not distinct from ${database}::text and durable is not null
    returning lease_token`
}

/** What is stored under a gid, to be compared with what was sent. */
export function readContent(tables: Tables, gid: string): Statement {
  return sql`
    select app, state, steps, database from ${tables.table('job')} where gid = ${gid}::text`
}

/** After the commit of what there is to do, never inside: each NOTIFY in a transaction takes a global lock. */
export function notify(channel: string): Statement {
  return sql`select pg_notify(${channel}::text, '')`
}
