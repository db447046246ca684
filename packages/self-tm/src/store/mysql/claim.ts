import { sql } from '@stepping/sql'
import type { AnySqlDatabase, Statement, Tables } from '@stepping/sql'
import { list, now, nowPlus } from '@stepping/sql/mysql'
import type { Row } from '../job-rows.ts'
import type { ClaimRequest, HeldLease } from '../job-store.ts'
import { among } from './among.ts'

/** How long a job has to be overdue before its unknown step is worth a word: another process may be about to take it. */
const overdueMs = 3_000

/** How many of the next jobs are looked at to find the time of the next one. */
const lookAheadRows = 200

/**
 * The jobs handed out, then one last row with what comes next. Who looks ahead looks first, and
 * takes locks only where there is something to claim: an idle process sends one statement.
 */
export async function claimJobs(
  database: AnySqlDatabase,
  request: ClaimRequest,
): Promise<readonly Row[]> {
  const { tables } = database
  const { lookAheadMs } = request
  if (lookAheadMs === undefined) return await claimDue(database, request)
  const ahead = (await database.run(lookAhead(tables, request, lookAheadMs))).rows
  const mayClaim = Number(ahead[0]?.['is_due']) === 1
  const claimed = mayClaim ? await claimDue(database, request) : []
  return [...claimed, nextOf(ahead, request, lookAheadMs, claimed)]
}

/**
 * A lease that was not given up belonged to an attempt that nobody wrote the end of. It counts: a
 * step that kills its process would else be tried without end.
 */
async function claimDue(
  database: AnySqlDatabase,
  { owner, leaseMs, ...request }: ClaimRequest,
): Promise<readonly Row[]> {
  const { tables } = database
  return await database.atomically(async (execute) => {
    const picked = (await execute(dueJobs(tables, request))).rows
    if (picked.length === 0) return []
    await execute(sql`
      update ${tables.table('job')} force index (primary) set lease_owner = ${owner}, lease_token = lease_token + 1,
        attempts = attempts + (lease_until is not null and state = 'submitted'),
        lease_until = ${nowPlus(leaseMs)}
      where gid in ${list(picked.map((row) => row['gid'] as string))}`)
    return picked.map((row) => ({
      ...row,
      lease_token: Number(row['lease_token']) + 1,
      attempts:
        Number(row['attempts']) + (row['state'] === 'submitted' ? Number(row['cut_off']) : 0),
    }))
  })
}

/**
 * The index gives the due jobs in order. Those that run now stand at its front and are stepped over;
 * `skip locked` steps over those that another process is claiming. Without the hint the server may
 * choose to sort all that are due, and lock them all.
 */
function dueJobs(
  tables: Tables,
  request: Pick<ClaimRequest, 'app' | 'stepNames' | 'limit'>,
): Statement {
  return sql`
    select gid, lease_token, state, cast(steps as binary) as steps, j.cursor, attempts,
      cast(j.database as binary) as \`database\`,
      lease_until is not null as cut_off
    from ${tables.table('job')} j force index (job_due)
    where ${isDue(request)} order by due_at limit ${request.limit} for update skip locked`
}

function isDue({ app, stepNames }: Pick<ClaimRequest, 'app' | 'stepNames'>): Statement {
  return sql`app = ${app} and waiting = 1 and due_at <= ${now}
    and (lease_until is null or lease_until <= ${now})
    and (state = 'prepared' or next_step in ${list(stepNames)})`
}

/** The next jobs, and with each of them whether there is one to claim: maybe behind many that run. */
function lookAhead(tables: Tables, request: ClaimRequest, withinMs: number): Statement {
  const job = tables.table('job')
  return sql`
    select gid, state, cast(next_step as binary) as next_step,
      timestampdiff(microsecond, ${now}, greatest(due_at, coalesce(lease_until, due_at))) div 1000 as in_ms,
      exists (select 1 from ${job} force index (job_due) where ${isDue(request)}) as is_due
    from ${job} force index (job_due)
    where app = ${request.app} and waiting = 1 and due_at <= ${nowPlus(withinMs)}
    order by due_at limit ${lookAheadRows}`
}

function nextOf(
  ahead: readonly Row[],
  { stepNames }: ClaimRequest,
  withinMs: number,
  claimed: readonly Row[],
): Row {
  const known = new Set(stepNames)
  const gone = new Set(claimed.map((row) => row['gid']))
  const jobs = ahead.map((row) => ({
    gid: row['gid'],
    inMs: Number(row['in_ms']),
    step: row['next_step'] as string,
    isKnown: row['state'] === 'prepared' || known.has(row['next_step'] as string),
  }))
  const next = jobs.filter((job) => job.isKnown && job.inMs <= withinMs && !gone.has(job.gid))
  const stuck = jobs.filter((job) => !job.isKnown && job.inMs < -overdueMs)
  return {
    gid: null,
    next_in_ms: next.length === 0 ? null : Math.min(...next.map((job) => job.inMs)),
    unknown_steps: JSON.stringify([...new Set(stuck.map((job) => job.step))]),
  }
}

/**
 * Looks first which rows there are: one that is not committed yet would be waited for, and with it
 * the leases of all the others.
 */
export async function renewLeases(
  database: AnySqlDatabase,
  held: readonly HeldLease[],
  leaseMs: number,
): Promise<readonly Row[]> {
  const job = database.tables.table('job')
  const mine = async (): Promise<readonly Row[]> =>
    (await database.run(sql`select gid, lease_token from ${job} where ${isHeld(held)}`)).rows
  const seen = await mine()
  if (seen.length === 0) return []
  const { affected } = await database.run(sql`
    update ${job} force index (primary) set lease_until = ${nowPlus(leaseMs)}
    where ${isHeld(seen.map((row) => ({ gid: row['gid'] as string, token: Number(row['lease_token']) })))}`)
  return affected === seen.length ? seen : await mine()
}

function isHeld(leases: readonly HeldLease[]): Statement {
  const held = among(
    ['gid', 'lease_token'],
    leases.map(({ gid, token }) => [gid, token]),
  )
  return sql`lease_until is not null and ${held}`
}
