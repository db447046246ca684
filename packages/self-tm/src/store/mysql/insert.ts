import type { JobRecord } from '@stepping/core'
import { sql } from '@stepping/sql'
import type { AnySqlDatabase, Execute, Inserted, Statement, Tables } from '@stepping/sql'
import { errorNumber, isBefore, nowPlus } from '@stepping/sql/mysql'
import { contentOf } from '../job-content.ts'
import type { Row } from '../job-rows.ts'
import type { JobInsert } from '../job-statements.ts'
import type { LeaseRequest } from '../job-store.ts'

/**
 * One row with values, and not `insert … select … where`, which takes the server half as long again. So what
 * comes too late, or after the transaction, has no `due_at`, and is refused for that: a single row is,
 * whatever `sql_mode` says. A statement that fails leaves the transaction as it was.
 */
export async function insertJob(
  tables: Tables,
  execute: Execute,
  insert: JobInsert,
  open: Statement,
): Promise<Inserted | 'lost'> {
  const { job, state, dueInMs, keep, lease } = insert
  const { app, steps, database } = contentOf(job)
  try {
    await execute(sql`
      insert into ${tables.table('job')}
        (gid, app, state, steps, next_step, \`database\`, keep, lease_owner, lease_token, lease_until, due_at)
      values (${job.gid}, ${app}, ${state}, ${steps}, ${job.steps[0]!.name}, ${database}, ${keep},
        ${lease?.owner ?? null}, ${lease?.token ?? 0}, ${leaseEnd(lease)},
        if(${isBefore(job.notAfter)} and ${open}, ${nowPlus(dueInMs)}, null))`)
    return 'inserted'
  } catch (error) {
    const number = errorNumber(error)
    if (number === duplicate) return 'exists'
    if (number !== isNull) throw error
  }
  const { rows } = await execute(sql`select ${open} as open`)
  return Number(rows[0]?.['open']) === 1 ? 'expired' : 'lost'
}

const duplicate = 1062
const isNull = 1048

/** Moves a prepared job on, if it still stands as it was read. */
export async function submitPrepared(
  database: AnySqlDatabase,
  job: JobRecord,
  lease?: LeaseRequest,
): Promise<readonly Row[]> {
  const table = database.tables.table('job')
  const content = contentOf(job)
  const prepared = sql`gid = ${job.gid} and state = 'prepared' and app = ${content.app}
    and steps = ${content.steps} and ${table}.database <=> ${content.database}`
  for (;;) {
    const { rows } = await database.run(sql`select lease_token from ${table} where ${prepared}`)
    if (!rows[0]) return []
    const token = Number(rows[0]['lease_token'])
    const { affected } = await database.run(sql`
      update ${table} set state = 'submitted', attempts = 0, due_at = ${nowPlus(0)}, retry_now = 0,
        lease_token = ${token + 1}, lease_owner = ${lease?.owner ?? null}, lease_until = ${leaseEnd(lease)}
      where ${prepared} and lease_token = ${token}`)
    if (affected === 1) return [{ lease_token: token + 1 }]
  }
}

/** What is stored under a gid, to be compared with what was sent. */
export function readContent(tables: Tables, gid: string): Statement {
  return sql`
    select cast(app as binary) as app, state, cast(steps as binary) as steps,
      cast(j.database as binary) as \`database\`
    from ${tables.table('job')} j where gid = ${gid}`
}

function leaseEnd(lease: LeaseRequest | undefined): Statement {
  return lease ? nowPlus(lease.leaseMs) : sql`null`
}
