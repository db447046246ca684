import { numberOrNull } from '../job-rows.ts'
import type { Row } from '../job-rows.ts'
import type { ClaimRequest, HeldLease } from '../job-store.ts'
import { durable, findAll, inMs, literal, rowsOf } from './documents.ts'
import type { AnyMongoDatabase, Command, Execute } from './mongo-database.ts'
import { activeStates } from '../../job-state.ts'

/** How long a job has to be overdue before its unknown step is worth a word: another process may be about to take it. */
const overdueMs = 3_000

/** How many of the next jobs are looked at to find the time of the next one. */
const lookAheadRows = 200

/** How often a claim looks again that was too late for all it had found. */
const mostTries = 10

/** A command writes one document after the other, on one core of the server: this many and more are two commands. */
const worthHalving = 100

export interface ClaimedRows {
  readonly claimed: readonly Row[]
  readonly nextInMs: number | null
  readonly unknownSteps: readonly string[] | null
}

/**
 * Looks for due jobs, takes those that are still free, and reads which it got: the count of an
 * update does not say whose. Under a name of its own, because the same process may have another
 * claim under way, whose answer was lost and whose lease began earlier.
 */
export async function claimJobs(
  { collections, run }: AnyMongoDatabase,
  request: ClaimRequest,
): Promise<ClaimedRows> {
  const job = collections.collection('job')
  for (let tries = 1; ; tries++) {
    // Where others are quicker, a wider look and a draw keep the losers out of each other's way.
    const width = Math.min(request.limit * tries, request.limit + 500)
    const rows = rowsOf(await run(look(job, request, width)))
    const due = drawn(
      rows.filter((row) => row['in_ms'] === undefined).map(({ gid }) => gid as string),
      request.limit,
    )
    const claimed = due.length === 0 ? [] : await take(job, run, request, due)
    if (claimed.length === 0 && due.length > 0 && tries < mostTries) continue
    const taken = new Set(claimed.map(({ gid }) => gid))
    const ahead = rows.filter(({ gid, in_ms }) => in_ms !== undefined && !taken.has(gid))
    return { claimed, ...comesNext(ahead, request) }
  }
}

/** Due jobs that are free, in order; then, where it is asked for, what comes in the next time. */
function look(job: string, request: ClaimRequest, limit: number): Command {
  const { app, lookAheadMs } = request
  const active = { app, state: { $in: activeStates } }
  const inOrder = { $sort: { due_at: 1 } }
  const ahead = [
    { $match: { ...active, $expr: { $lte: ['$due_at', inMs(lookAheadMs ?? 0)] } } },
    inOrder,
    { $limit: lookAheadRows },
    {
      $project: {
        state: 1,
        next_step: 1,
        in_ms: { $subtract: [{ $max: ['$due_at', '$lease_until'] }, '$$NOW'] },
      },
    },
  ]
  const pipeline = [
    { $match: { ...active, ...free(request) } },
    inOrder,
    { $limit: limit },
    { $project: { _id: 1 } },
    ...(lookAheadMs === undefined ? [] : [{ $unionWith: { coll: job, pipeline: ahead } }]),
  ]
  return { aggregate: job, pipeline, cursor: { batchSize: limit + lookAheadRows + 1 } }
}

/** The index on (app, state, due_at) gives what is due; `$$NOW` is a constant to it. */
function free({ stepNames }: ClaimRequest): object {
  return {
    $expr: { $and: [{ $lte: ['$due_at', '$$NOW'] }, { $lte: ['$lease_until', '$$NOW'] }] },
    $or: [{ state: 'prepared' }, { next_step: { $in: stepNames } }],
  }
}

/**
 * A lease that was not given up belonged to an attempt that nobody wrote the end of. It counts: a
 * step that kills its process would else be tried without end.
 */
async function take(
  job: string,
  run: Execute,
  request: ClaimRequest,
  gids: readonly string[],
): Promise<readonly Row[]> {
  const claimId = crypto.randomUUID()
  const wasCutOff = { $gt: ['$lease_until', null] }
  const changes = {
    cut_off: wasCutOff,
    attempts: {
      $add: [
        '$attempts',
        { $cond: [{ $and: [wasCutOff, { $eq: ['$state', 'submitted'] }] }, 1, 0] },
      ],
    },
    lease_owner: literal(request.owner),
    lease_token: { $add: ['$lease_token', 1] },
    lease_until: inMs(request.leaseMs),
    write_id: literal(claimId),
  }
  const due = { app: request.app, state: { $in: activeStates }, ...free(request) }
  const update = (_id: object): Promise<unknown> =>
    run({
      update: job,
      updates: [{ q: { _id, ...due }, u: [{ $set: changes }], multi: true }],
      writeConcern: durable,
    })
  const half = Math.ceil(gids.length / 2)
  const halves = gids.length < worthHalving ? [gids] : [gids.slice(0, half), gids.slice(half)]
  const answers = await Promise.allSettled(halves.map(($in) => update({ $in })))
  const failures = answers.filter((answer) => answer.status === 'rejected')
  // What one half took must be found, or it would wait for its lease and have an attempt counted.
  if (failures.length === answers.length) throw failures[0]!.reason
  const filter = { _id: { $in: gids }, write_id: claimId }
  return rowsOf(await run(findAll(job, filter, gids.length, { sort: { due_at: 1 } })))
}

function comesNext(
  ahead: readonly Row[],
  { stepNames, lookAheadMs }: ClaimRequest,
): Pick<ClaimedRows, 'nextInMs' | 'unknownSteps'> {
  if (lookAheadMs === undefined) return { nextInMs: null, unknownSteps: null }
  const isKnown = (row: Row): boolean =>
    row['state'] === 'prepared' || stepNames.includes(row['next_step'] as string)
  const next = Math.min(...ahead.filter(isKnown).map((row) => Number(row['in_ms'])))
  const stuck = ahead.filter((row) => !isKnown(row) && numberOrNull(row['in_ms'])! < -overdueMs)
  return {
    nextInMs: next <= lookAheadMs ? next : null,
    unknownSteps: [...new Set(stuck.map((row) => row['next_step'] as string))],
  }
}

/** That many of them, in their order. */
function drawn(gids: readonly string[], limit: number): readonly string[] {
  if (gids.length <= limit) return gids
  const left = new Set(gids)
  while (left.size > limit) left.delete([...left][Math.floor(Math.random() * left.size)]!)
  return [...left]
}

/** A count that falls short does not say whose lease was lost, so those are asked one by one. */
export async function renewLeases(
  { collections, run }: AnyMongoDatabase,
  held: readonly HeldLease[],
  leaseMs: number,
): Promise<ReadonlySet<string>> {
  const update = async (leases: readonly HeldLease[]): Promise<boolean> => {
    const byToken = Map.groupBy(leases, ({ token }) => token)
    const updates = [...byToken].map(([token, these]) => ({
      q: {
        _id: { $in: these.map(({ gid }) => gid) },
        lease_token: token,
        lease_until: { $ne: null },
      },
      u: [{ $set: { lease_until: inMs(leaseMs) } }],
      multi: true,
    }))
    const command = { update: collections.collection('job'), updates, ordered: false }
    const { n } = await run({ ...command, writeConcern: durable })
    return n === leases.length
  }
  if (held.length > 1 && (await update(held))) return new Set(held.map(({ gid }) => gid))
  const renewed = await Promise.all(
    held.map(async (lease) => ((await update([lease])) ? [lease.gid] : [])),
  )
  return new Set(renewed.flat())
}
