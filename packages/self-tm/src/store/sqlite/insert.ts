import type { JobRecord } from '@stepping/core'
import { sql, sqliteClock as clock } from '@stepping/sql'
import type { Execute, Inserted, Statement, Tables } from '@stepping/sql'
import { contentOf } from '../job-content.ts'
import type { JobInsert } from '../job-statements.ts'
import type { LeaseRequest } from '../job-store.ts'
import { after } from './after.ts'

/** The clock is that of the statement, not of the transaction: a lease counts from the insert. */
export async function insertJob(
  tables: Tables,
  execute: Execute,
  insert: JobInsert,
  open: Statement,
): Promise<Inserted | 'lost'> {
  const { job, state, dueInMs, keep, lease } = insert
  const { app, steps, database } = contentOf(job)
  const timely = sql`${clock} < ${job.notAfter}`
  const { rows } = await execute(sql`
    insert into ${tables.table('job')} (gid, app, state, steps, next_step, database, keep, due_at, lease_owner, lease_token, lease_until)
    select ${job.gid}, ${app}, ${state}, ${steps}, ${job.steps[0]!.name}, ${database}, ${keep}, ${after(dueInMs)},
      ${lease?.owner ?? null}, ${lease?.token ?? 0}, ${after(lease?.leaseMs ?? null)}
    where ${timely} and ${open}
    on conflict (gid) do nothing
    returning gid`)
  if (rows[0]) return 'inserted'
  const why = await execute(sql`select ${timely} as timely, ${open} as open`)
  if (Number(why.rows[0]?.['open']) !== 1) return 'lost'
  return Number(why.rows[0]?.['timely']) === 1 ? 'exists' : 'expired'
}

/** Moves a prepared job on; no row when it is not prepared (any more). */
export function submitPrepared(tables: Tables, job: JobRecord, lease?: LeaseRequest): Statement {
  const { app, steps, database } = contentOf(job)
  return sql`
    update ${tables.table('job')} set state = 'submitted', attempts = 0, due_at = ${clock}, retry_now = 0,
      lease_token = lease_token + 1, lease_owner = ${lease?.owner ?? null},
      lease_until = ${after(lease?.leaseMs ?? null)}
    where gid = ${job.gid} and state = 'prepared' and app = ${app} and steps = ${steps}
      and database is ${database}
    returning lease_token`
}

/** What is stored under a gid, to be compared with what was sent. */
export function readContent(tables: Tables, gid: string): Statement {
  return sql`
    select app, state, steps, database from ${tables.table('job')} where gid = ${gid}`
}
