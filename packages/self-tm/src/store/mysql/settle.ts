import { rawSql, sql } from '@stepping/sql'
import type { AnySqlDatabase, Execute, SqlValue, Statement, Tables } from '@stepping/sql'
import { join, list, now, nowPlus } from '@stepping/sql/mysql'
import { among } from './among.ts'
import type { Settlement } from '../job-store.ts'

/**
 * Writes a batch of endings and resolves with how many it wrote. A row is written only under its holder's
 * token and at the cursor that the holder saw, so a holder that lost its lease, or that repeats
 * itself, changes nothing.
 *
 * Each statement goes through the primary key in its order, whoever sends it, so that two batches
 * which share two rows do not deadlock. A small table would else be read whole, and wait for the rows
 * of every transaction that is open.
 */
export async function settleJobs(
  database: AnySqlDatabase,
  settlements: readonly Settlement[],
  keepHistory: boolean,
): Promise<number> {
  const finished = settlements.filter(({ to }) => to === 'finished')
  const deleted = await deleteFinished(database, finished, keepHistory)
  // Of those that are left, each is kept for late messages, or not this holder's any more.
  const rest =
    deleted === finished.length ? settlements.filter(({ to }) => to !== 'finished') : settlements
  const changed = rest.length === 0 ? 0 : await changeJobs(database, rest)
  return deleted + changed
}

async function deleteFinished(
  database: AnySqlDatabase,
  finished: readonly Settlement[],
  keepHistory: boolean,
): Promise<number> {
  if (finished.length === 0) return 0
  const { table } = database.tables
  const done = sql`keep = 0 and ${isHeld(finished)}`
  const remove = async (execute: Execute): Promise<number> =>
    (await execute(sql`delete j from ${table('job')} j force index (primary) where ${done}`))
      .affected
  if (!keepHistory) return await remove((statement) => database.run(statement))
  return await database.atomically(async (execute) => {
    await execute(sql`
      insert ignore into ${table('history')} (gid, app, state, steps, last_error, created_at, finished_at)
      select gid, app, 'finished', steps, last_error, created_at, ${now}
      from ${table('job')} j force index (primary) where ${done} order by gid for update`)
    return await remove(execute)
  })
}

async function changeJobs(
  database: AnySqlDatabase,
  settlements: readonly Settlement[],
): Promise<number> {
  const changes = settlements.map((each) => ({ gid: each.gid, values: changeOf(each) }))
  const assignments = columns.flatMap((column) => {
    const name = rawSql(`j.${column}`)
    const set = changes.filter(({ values }) => values[column] !== undefined)
    if (set.length === 0) return []
    const isSame = new Set(changes.map(({ values }) => JSON.stringify(values[column]))).size === 1
    if (isSame) return [sql`${name} = ${set[0]!.values[column]!}`]
    const cases = set.map(({ gid, values }) => sql`when ${gid} then ${values[column]!}`)
    return [sql`${name} = case j.gid ${join(cases)} else ${name} end`]
  })
  const { affected } = await database.run(sql`
    update ${database.tables.table('job')} j force index (primary) set ${join(assignments, ', ')}
    where ${isHeld(settlements)}`)
  return affected
}

type Change = Partial<Record<(typeof columns)[number], SqlValue | Statement>>

/**
 * In the order of their assignment: an update goes from left to right and reads what it has
 * assigned, so `retry_now` comes after those that look at it.
 */
const columns = [
  'state',
  'cursor',
  'next_step',
  'attempts',
  'due_at',
  'retry_now',
  'lease_owner',
  'lease_until',
  'last_error',
  'finished_at',
] as const

const givenUp = { lease_owner: null, lease_until: null } as const

/** A pending `retry_now` outlives a failure: the operator's word is newer. */
function changeOf(settlement: Settlement): Change {
  switch (settlement.to) {
    case 'advanced':
      return {
        cursor: settlement.cursor + 1,
        next_step: settlement.nextStep,
        attempts: 0,
        retry_now: 0,
        lease_until: nowPlus(settlement.leaseMs),
        last_error: null,
      }
    case 'submitted':
      return {
        state: 'submitted',
        attempts: 0,
        retry_now: 0,
        lease_until: nowPlus(settlement.leaseMs),
      }
    case 'finished':
      return {
        ...givenUp,
        state: 'finished',
        cursor: settlement.cursor + 1,
        next_step: null,
        retry_now: 0,
        finished_at: now,
      }
    case 'rolledBack':
      return { ...givenUp, state: 'rolledBack', retry_now: 0, finished_at: now }
    case 'retried':
      return {
        ...givenUp,
        attempts: sql`j.attempts + 1`,
        due_at: sql`if(j.retry_now, ${now}, ${nowPlus(settlement.inMs)})`,
        retry_now: 0,
        last_error: settlement.error,
      }
    case 'parked':
      return {
        ...givenUp,
        state: sql`if(j.retry_now, j.state, 'parked')`,
        attempts: sql`j.attempts + 1`,
        due_at: sql`if(j.retry_now, ${now}, j.due_at)`,
        retry_now: 0,
        last_error: settlement.error,
      }
    case 'returned':
      return { ...givenUp, due_at: nowPlus(settlement.inMs) }
  }
}

/** A repeat of `submitted` would else undo an operator's retry. */
const onlyPrepared = rawSql(` and j.state = 'prepared'`)

function isHeld(settlements: readonly Settlement[]): Statement {
  const submitted = settlements.filter(({ to }) => to === 'submitted')
  const others = settlements.filter(({ to }) => to !== 'submitted')
  const each = [
    ...(others.length === 0 ? [] : [isOneOf(others)]),
    ...(submitted.length === 0 ? [] : [sql`${isOneOf(submitted)}${onlyPrepared}`]),
  ]
  return sql`j.lease_until is not null and j.waiting = 1 and (${join(each, ' or ')})`
}

function isOneOf(settlements: readonly Settlement[]): Statement {
  return among(
    ['j.gid', 'j.lease_token', 'j.cursor'],
    settlements.map(({ gid, token, cursor }) => [gid, token, cursor]),
  )
}

/** Where the rows stand that a batch did not write. */
export function readCursors({ table }: Tables, gids: readonly string[]): Statement {
  return sql`
    select gid, lease_token, j.cursor, state, lease_until is not null as leased
    from ${table('job')} j where gid in ${list(gids)}`
}
