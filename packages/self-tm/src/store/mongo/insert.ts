import type { JobRecord } from '@stepping/core'
import { contentOf } from '../job-content.ts'
import type { JobInsert } from '../job-statements.ts'
import type { LeaseRequest } from '../job-store.ts'
import { durable, inMs, literal, unlessTooLate } from './documents.ts'
import type { Command } from './mongo-database.ts'

/**
 * Stores a job unless its gid has one, and returns the one that is there then. An upsert, because
 * only a pipeline knows the server's clock, and because an insert that meets a document would abort
 * the user's transaction.
 *
 * `writeId` tells a repeat, after a lost answer, that the document is its own.
 */
export function insertJob(collection: string, insert: JobInsert, writeId: string): Command {
  const { job, state, dueInMs, keep, lease } = insert
  const { app, steps, database } = contentOf(job)
  const document = {
    _id: '$_id',
    app: literal(app),
    state,
    steps: literal(steps),
    next_step: literal(job.steps[0]!.name),
    cursor: literal(0),
    attempts: literal(0),
    due_at: inMs(dueInMs),
    ...leased(lease, literal(lease?.token ?? 0)),
    retry_now: literal(false),
    keep: literal(keep),
    ...(database !== null && { database: literal(database) }),
    write_id: literal(writeId),
    created_at: '$$NOW',
  }
  const isNew = { $eq: [{ $type: '$app' }, 'missing'] }
  return {
    findAndModify: collection,
    query: { _id: job.gid },
    update: [{ $replaceWith: unlessTooLate(job.notAfter, { $cond: [isNew, document, '$$ROOT'] }) }],
    upsert: true,
    new: true,
  }
}

/** Moves a prepared job on, and returns it; nothing when it is not prepared (any more). */
export function submitPrepared(
  collection: string,
  job: JobRecord,
  lease: LeaseRequest | undefined,
  writeId: string,
): Command {
  const { app, steps, database } = contentOf(job)
  const changes = {
    state: 'submitted',
    attempts: literal(0),
    due_at: '$$NOW',
    retry_now: literal(false),
    ...leased(lease, { $add: ['$lease_token', 1] }),
    write_id: literal(writeId),
  }
  return {
    findAndModify: collection,
    query: { _id: job.gid, state: 'prepared', app, steps, database },
    update: [{ $set: changes }],
    new: true,
    fields: { lease_token: 1 },
    writeConcern: durable,
  }
}

function leased(lease: LeaseRequest | undefined, token: object): object {
  return {
    lease_owner: literal(lease?.owner ?? null),
    lease_token: token,
    lease_until: lease ? inMs(lease.leaseMs) : literal(null),
  }
}
