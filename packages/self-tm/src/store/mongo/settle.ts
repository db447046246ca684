import type { Settlement } from '../job-store.ts'
import { activeStates } from '../../job-state.ts'
import { durable, findAll, inMs, literal, rowsOf } from './documents.ts'
import type { AnyMongoDatabase, Execute } from './mongo-database.ts'
import type { Row } from '../job-rows.ts'

/**
 * Writes a batch of endings and resolves with how many it wrote. A document is written only under
 * its holder's token and at the cursor that the holder saw, so a holder that lost its lease, or that
 * repeats itself, changes nothing.
 */
export async function settleJobs(
  database: AnyMongoDatabase,
  settlements: readonly Settlement[],
  keepHistory: boolean,
): Promise<number> {
  const finished = settlements.filter(({ to }) => to === 'finished')
  const others = settlements.filter(({ to }) => to !== 'finished')
  const [deleted, changed] = await Promise.all([
    deleteFinished(database, finished, keepHistory),
    changeJobs(database, others),
  ])
  // Of those that are left, each is kept for late messages, or not this holder's any more.
  const kept = deleted === finished.length ? 0 : await changeJobs(database, finished)
  return deleted + changed + kept
}

async function deleteFinished(
  database: AnyMongoDatabase,
  finished: readonly Settlement[],
  keepHistory: boolean,
): Promise<number> {
  if (finished.length === 0) return 0
  if (keepHistory) {
    return await database.atomically((execute) => moveToHistory(database, execute, finished))
  }
  const deletes = alike(finished).map((these) => ({ q: { ...held(these), keep: false }, limit: 0 }))
  const job = database.collections.collection('job')
  const { n } = await database.run({
    delete: job,
    deletes,
    ordered: false,
    writeConcern: durable,
  })
  return Number(n)
}

async function changeJobs(
  { collections, run }: AnyMongoDatabase,
  settlements: readonly Settlement[],
): Promise<number> {
  if (settlements.length === 0) return 0
  const updates = alike(settlements).map((these) => ({
    q: { ...held(these), ...(these[0].to === 'finished' && { keep: true }) },
    u: [{ $set: changes(these[0]) }, ...(isOver(these[0]) ? [{ $unset: 'next_step' }] : [])],
    multi: true,
  }))
  const job = collections.collection('job')
  const { n } = await run({ update: job, updates, ordered: false, writeConcern: durable })
  return Number(n)
}

type Alike = readonly [Settlement, ...Settlement[]]

/**
 * Those that differ in nothing but their gids, together: the server takes as long for a statement of
 * one document as for one of many.
 */
function alike(settlements: readonly Settlement[]): readonly Alike[] {
  const groups = Map.groupBy(settlements, (each) => JSON.stringify({ ...each, gid: '' }))
  return [...groups.values()] as unknown as Alike[]
}

/** Where the documents stand that a batch may not have written. */
export async function readCursors(
  { collections, run }: AnyMongoDatabase,
  gids: readonly string[],
): Promise<readonly Row[]> {
  const job = collections.collection('job')
  const projection = {
    lease_token: 1,
    cursor: 1,
    state: 1,
    leased: { $gt: ['$lease_until', null] },
  }
  return rowsOf(await run(findAll(job, { _id: { $in: gids } }, gids.length, { projection })))
}

/** A repeat of `submitted` would else undo an operator's retry. */
function held(these: Alike): object {
  const { token, cursor, to } = these[0]
  return {
    _id: { $in: these.map(({ gid }) => gid) },
    lease_token: token,
    cursor,
    lease_until: { $ne: null },
    state: to === 'submitted' ? 'prepared' : { $in: activeStates },
  }
}

/** A pending `retry_now` outlives a failure: the operator's word is newer. */
function changes(settlement: Settlement): object {
  const given = { lease_owner: literal(null), lease_until: literal(null) }
  switch (settlement.to) {
    case 'advanced':
      return {
        cursor: { $add: ['$cursor', 1] },
        next_step: literal(settlement.nextStep),
        attempts: literal(0),
        retry_now: literal(false),
        lease_until: inMs(settlement.leaseMs),
        last_error: literal(null),
      }
    case 'submitted':
      return {
        state: 'submitted',
        attempts: literal(0),
        retry_now: literal(false),
        lease_until: inMs(settlement.leaseMs),
      }
    case 'finished':
      return {
        ...given,
        state: 'finished',
        cursor: { $add: ['$cursor', 1] },
        finished_at: '$$NOW',
      }
    case 'rolledBack':
      return { ...given, state: 'rolledBack', finished_at: '$$NOW' }
    case 'returned':
      return { ...given, due_at: inMs(settlement.inMs) }
    case 'retried':
      return {
        ...given,
        ...failed(settlement.error),
        due_at: { $cond: ['$retry_now', '$$NOW', inMs(settlement.inMs)] },
      }
    case 'parked':
      return {
        ...given,
        ...failed(settlement.error),
        due_at: { $cond: ['$retry_now', '$$NOW', '$due_at'] },
        state: { $cond: ['$retry_now', '$state', 'parked'] },
      }
  }
}

function failed(error: string): object {
  return {
    attempts: { $add: ['$attempts', 1] },
    last_error: literal(error),
    retry_now: literal(false),
  }
}

function isOver({ to }: Settlement): boolean {
  return to === 'finished' || to === 'rolledBack'
}

/** In one transaction, so that a job is found in one of the two. Resolves with how many it moved. */
async function moveToHistory(
  { collections }: AnyMongoDatabase,
  execute: Execute,
  finished: readonly Settlement[],
): Promise<number> {
  const job = collections.collection('job')
  const filter = { $or: alike(finished).map((these) => ({ ...held(these), keep: false })) }
  const projection = { app: 1, steps: 1, last_error: 1, created_at: 1 }
  const rows = rowsOf(await execute(findAll(job, filter, finished.length, { projection })))
  if (rows.length === 0) return 0
  await execute({
    update: collections.collection('history'),
    updates: rows.map(({ gid, app, steps, last_error, created_at }) => ({
      q: { _id: gid },
      u: [
        {
          $set: {
            ...Object.fromEntries(
              Object.entries({ app, steps, last_error, created_at }).map(([name, value]) => [
                name,
                literal(value),
              ]),
            ),
            state: 'finished',
            finished_at: '$$NOW',
          },
        },
      ],
      upsert: true,
    })),
  })
  const gids = rows.map(({ gid }) => gid)
  await execute({ delete: job, deletes: [{ q: { _id: { $in: gids } }, limit: 0 }] })
  return rows.length
}
