import { jobRetentionMs } from '@stepping/core'
import type { JobPageRequest, JobState, JobView } from '@stepping/core'
import type { Row } from '../job-rows.ts'
import { activeStates, isOver } from '../../job-state.ts'
import { durable, findAll, foundRow, literal, rowsOf } from './documents.ts'
import type { AnyMongoDatabase, Command } from './mongo-database.ts'

/** Until when `lease_until` may be for the lease to be free. */
const isLeased = { $gt: ['$lease_until', '$$NOW'] }

/** As `viewOf` reads a document of the job collection; of the history. */
const jobView = { running: isLeased }
const pastView = { attempts: literal(0), running: literal(false), due_at: '$finished_at' }

/** First where it is, then where it may have moved meanwhile. */
export async function findJob(
  { collections, run }: AnyMongoDatabase,
  gid: string,
): Promise<Row | undefined> {
  const found = async (name: string, fields: object): Promise<Row | undefined> => {
    const pipeline = [{ $match: { _id: gid } }, { $addFields: fields }]
    return rowsOf(await run({ aggregate: collections.collection(name), pipeline, cursor: {} }))[0]
  }
  return (await found('job', jobView)) ?? (await found('history', pastView))
}

/** As `findJob`: one that moves between the two is seen once, as it is in the history. */
export async function listJobs(
  { collections, run }: AnyMongoDatabase,
  { app, state, limit, after }: JobPageRequest,
): Promise<readonly Row[]> {
  const page = async (name: string, fields: object): Promise<readonly Row[]> => {
    const pipeline = [
      { $match: { app, state, _id: { $gt: after } } },
      { $sort: { _id: 1 } },
      { $limit: limit },
      { $addFields: fields },
    ]
    const cursor = { batchSize: limit + 1 }
    return rowsOf(await run({ aggregate: collections.collection(name), pipeline, cursor }))
  }
  const jobs = await page('job', jobView)
  if (!isOver(state)) return jobs
  const rows = new Map(
    [...jobs, ...(await page('history', pastView))].map((row) => [row['gid'], row]),
  )
  return [...rows.values()]
    .toSorted((a, b) => ((a['gid'] as string) < (b['gid'] as string) ? -1 : 1))
    .slice(0, limit)
}

/** What is stored under a gid, to be compared with what was sent. */
export async function readContent(
  { collections, run }: AnyMongoDatabase,
  gid: string,
): Promise<Row | undefined> {
  return rowsOf(await run(findAll(collections.collection('job'), { _id: gid }, 1)))[0]
}

/**
 * Never touches a lease: whoever holds it goes on, and its failure is followed by the retry. So it is
 * where the lease has run out: its holder may still renew it, or end its attempt.
 */
export async function retryJob(
  { collections, run }: AnyMongoDatabase,
  gid: string,
): Promise<boolean> {
  const parked = { $eq: ['$state', 'parked'] }
  const changes = {
    attempts: { $cond: [parked, 0, '$attempts'] },
    state: { $cond: [parked, 'submitted', '$state'] },
    retry_now: { $gt: ['$lease_until', null] },
    due_at: { $cond: [isLeased, '$due_at', '$$NOW'] },
  }
  const q = { _id: gid, state: { $in: [...activeStates, 'parked'] } }
  const job = collections.collection('job')
  const updates = [{ q, u: [{ $set: changes }] }]
  return Number((await run({ update: job, updates, writeConcern: durable }))['n']) === 1
}

/**
 * The new token refuses whatever an attempt that lost its lease may still write. Repeated after a
 * lost answer it finds its own `writeId`.
 */
export async function endJob(
  { collections, run }: AnyMongoDatabase,
  seen: JobView,
  as: 'cancelled' | 'rolledBack',
): Promise<boolean> {
  const writeId = crypto.randomUUID()
  const cursor = seen.steps.filter((step) => step.done).length
  const command: Command = {
    findAndModify: collections.collection('job'),
    query: {
      _id: seen.gid,
      $or: [
        { state: seen.state, cursor, $expr: { $not: [isLeased] } },
        { state: as, write_id: writeId },
      ],
    },
    update: [
      {
        $set: {
          state: as,
          finished_at: '$$NOW',
          lease_owner: literal(null),
          lease_token: { $add: ['$lease_token', 1] },
          lease_until: literal(null),
          write_id: literal(writeId),
        },
      },
      { $unset: 'next_step' },
    ],
    fields: { _id: 1 },
    writeConcern: durable,
  }
  return foundRow(await run(command)) !== undefined
}

export async function countJobs(
  { collections, run }: AnyMongoDatabase,
  app: string,
): Promise<ReadonlyMap<JobState, number>> {
  const pipeline = [
    { $match: { app, state: { $in: [...activeStates, 'parked'] } } },
    { $group: { _id: '$state', count: { $sum: 1 } } },
  ]
  const job = collections.collection('job')
  const rows = rowsOf(await run({ aggregate: job, pipeline, cursor: {} }))
  return new Map(rows.map(({ gid, count }) => [gid as JobState, Number(count)]))
}

/**
 * Kept documents guard against late messages; see `jobRetentionMs`. Without `historyMs` the history is
 * left to the processes that keep one.
 */
export async function pruneJobs(
  { collections, run }: AnyMongoDatabase,
  limit: number,
  historyMs: number | null,
): Promise<number> {
  const remove = async (name: string, ageMs: number): Promise<number> => {
    const collection = collections.collection(name)
    const old = {
      finished_at: { $exists: true },
      $expr: { $lt: ['$finished_at', { $subtract: ['$$NOW', ageMs] }] },
    }
    const oldest = { sort: { finished_at: 1 }, projection: { _id: 1 } }
    const rows = rowsOf(await run(findAll(collection, old, limit, oldest)))
    if (rows.length === 0) return 0
    const q = { ...old, _id: { $in: rows.map(({ gid }) => gid) } }
    const deletes = [{ q, limit: 0 }]
    return Number((await run({ delete: collection, deletes, writeConcern: durable }))['n'])
  }
  const jobs = await remove('job', Math.max(jobRetentionMs, historyMs ?? 0))
  return historyMs === null ? jobs : jobs + (await remove('history', historyMs))
}

export async function listAmong(
  { collections, run }: AnyMongoDatabase,
  gids: readonly string[],
  states: readonly JobState[],
): Promise<readonly Row[]> {
  const filter = { _id: { $in: gids }, state: { $in: states } }
  const job = collections.collection('job')
  return rowsOf(await run(findAll(job, filter, gids.length, { projection: { _id: 1 } })))
}
