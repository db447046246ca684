import { SteppingError } from '@stepping/core'
import type {
  DatabaseIdentity,
  DbContext,
  JobPageRequest,
  JobRecord,
  JobState,
  JobView,
} from '@stepping/core'
import { activeStates } from '../../job-state.ts'
import {
  assertSameContent,
  assertStillPrepared,
  contentOf,
  decodeDatabase,
  isSentOnce,
} from '../job-content.ts'
import type { JobContent } from '../job-content.ts'
import { claimOf, gidsOf, viewOf } from '../job-rows.ts'
import type { Row } from '../job-rows.ts'
import type { JobInsert } from '../job-statements.ts'
import type {
  Claimed,
  ClaimRequest,
  HeldLease,
  JobStore,
  LeaseRequest,
  NewLease,
  Settlement,
  SettleResult,
  Submitted,
} from '../job-store.ts'
import type { SqlJobStoreOptions } from '../sql-job-store.ts'
import { settleBatch } from '../settle-batch.ts'
import { claimJobs, renewLeases } from './claim.ts'
import { durable, foundRow, tooLateCode } from './documents.ts'
import { insertJob, submitPrepared } from './insert.ts'
import {
  countJobs,
  endJob,
  findJob,
  listAmong,
  listJobs,
  pruneJobs,
  readContent,
  retryJob,
} from './ledger.ts'
import { migrations } from './migrations.ts'
import { isMongoContext } from './mongo-database.ts'
import type { AnyMongoDatabase, Execute, MongoContext, Reply } from './mongo-database.ts'
import { readCursors, settleJobs } from './settle.ts'

/** A job store in a MongoDB database of the app. */
export function mongoJobStore(
  database: AnyMongoDatabase,
  options: SqlJobStoreOptions = {},
): JobStore {
  return new MongoJobStore(database, options)
}

/**
 * A stream that is ended keeps its connection until something is written to the server. With fewer than these it goes
 * on, lest it and the next one leave none to claims and endings.
 */
const smallestPool = 5

class MongoJobStore implements JobStore {
  readonly database: AnyMongoDatabase
  readonly listen?: NonNullable<JobStore['listen']>
  /** A change stream is woken by each write to the replica set: it takes the server as long as a claim and an ending. */
  readonly listeningCosts: boolean
  readonly #job: string
  readonly #wake: string
  readonly #samePlace = new WeakMap<AnyMongoDatabase, boolean>()
  readonly #historyMs: number | null
  readonly #queryPreparedAfterMs: number

  constructor(database: AnyMongoDatabase, options: SqlJobStoreOptions) {
    this.database = database
    this.#job = database.collections.collection('job')
    this.#wake = database.collections.collection('wake')
    this.#historyMs = options.history?.keepMs ?? null
    this.#queryPreparedAfterMs = options.queryPreparedAfterMs ?? 10_000
    const { watch } = database
    this.listeningCosts = watch !== undefined && database.maxPoolSize >= smallestPool
    if (watch) this.listen = (app, ...callbacks) => watch(this.#wake, app, ...callbacks)
  }

  async migrate(): Promise<void> {
    await this.database.migrateSet(migrations)
  }

  async assertReady(): Promise<void> {
    await this.database.assertMigrated(migrations)
  }

  async prepare(job: JobRecord): Promise<void> {
    await this.assertReady()
    const { inserted, row } = await this.#insertAlone({
      job,
      state: 'prepared',
      dueInMs: this.#queryPreparedAfterMs,
      keep: true,
    })
    if (!inserted) assertStillPrepared(job, storedIn(row))
  }

  async submit(job: JobRecord, lease?: LeaseRequest): Promise<Submitted> {
    await this.assertReady()
    return job.database ? await this.#submitPrepared(job, lease) : await this.#create(job, lease)
  }

  async enlist(
    context: DbContext,
    job: JobRecord,
    lease?: NewLease,
    before?: () => Promise<void>,
  ): Promise<boolean> {
    if (!isMongoContext(context) || !(await this.#reaches(context, job))) return false
    await this.assertReady()
    await before?.()
    const insert: JobInsert = {
      job,
      state: 'submitted',
      dueInMs: 0,
      keep: !isSentOnce(job, true),
      lease,
    }
    const { inserted } = await this.#insert(context.execute, insert)
    if (inserted) return true
    throw new SteppingError(
      'JOB_DUPLICATE',
      `A job with the gid ${job.gid} exists already. Roll this transaction back; if the gid is a message's id, the message was handled.`,
      { gid: job.gid },
    )
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const { claimed, nextInMs, unknownSteps } = await claimJobs(this.database, request)
    return { claims: claimed.map(claimOf), nextInMs, unknownSteps }
  }

  async renew(held: readonly HeldLease[], leaseMs: number): Promise<ReadonlySet<string>> {
    return await renewLeases(this.database, held, leaseMs)
  }

  async settle(settlements: readonly Settlement[]): Promise<ReadonlyMap<string, SettleResult>> {
    const keepHistory = this.#historyMs !== null
    return await settleBatch(settlements, {
      write: (batch) => settleJobs(this.database, batch, keepHistory),
      read: (gids) => readCursors(this.database, gids),
    })
  }

  /** 2, 9, 14 and 22: values; 121: a validator. What is too large for one command may not be for many. */
  isRefusal(error: unknown): boolean {
    const code = this.database.errorCode(error)
    return isTooLarge(error, code) || [2, 9, 14, 22, 121].includes(code ?? 0)
  }

  async notify(app: string): Promise<void> {
    const updates = [{ q: { _id: app }, u: { $inc: { times: 1 } }, upsert: true }]
    await this.database.run({ update: this.#wake, updates, writeConcern: { w: 1 } })
  }

  async find(gid: string): Promise<JobView | null> {
    const row = await findJob(this.database, gid)
    return row ? viewOf(row) : null
  }

  async list(request: JobPageRequest): Promise<readonly JobView[]> {
    return (await listJobs(this.database, request)).map(viewOf)
  }

  async databaseOf(gid: string): Promise<DatabaseIdentity | undefined> {
    const row = await readContent(this.database, gid)
    return decodeDatabase(row ? storedIn(row).database : null).database
  }

  async retry(gid: string): Promise<boolean> {
    return await retryJob(this.database, gid)
  }

  async end(seen: JobView, as: 'cancelled' | 'rolledBack'): Promise<boolean> {
    return await endJob(this.database, seen, as)
  }

  async overview(app: string): Promise<{ prepared: number; submitted: number; parked: number }> {
    const counts = await countJobs(this.database, app)
    const count = (state: JobState): number => counts.get(state) ?? 0
    return { prepared: count('prepared'), submitted: count('submitted'), parked: count('parked') }
  }

  async prune(limit: number): Promise<number> {
    return await pruneJobs(this.database, limit, this.#historyMs)
  }

  async over(gids: readonly string[]): Promise<ReadonlySet<string>> {
    return await this.#among(gids, ['finished', 'rolledBack', 'cancelled'])
  }

  async active(gids: readonly string[]): Promise<ReadonlySet<string>> {
    return await this.#among(gids, [...activeStates, 'parked'])
  }

  async #submitPrepared(job: JobRecord, lease: LeaseRequest | undefined): Promise<Submitted> {
    const writeId = crypto.randomUUID()
    const command = submitPrepared(this.#job, job, lease, writeId)
    const submitted = foundRow(await this.database.run(command))
    if (submitted) return startedAs(submitted, lease)
    const row = await readContent(this.database, job.gid)
    if (!row) {
      throw new SteppingError(
        'JOB_UNKNOWN',
        `Job ${job.gid} was never prepared, or it finished so long ago that its row is cleaned away. It is not started again.`,
        { gid: job.gid },
      )
    }
    // Sent again because the first answer was lost.
    if (row['write_id'] === writeId) return startedAs(row, lease)
    const stored = storedIn(row)
    assertSameContent(job.gid, stored, contentOf(job))
    if (stored.state !== 'rolledBack') return { started: false }
    throw new SteppingError(
      'TRANSACTION_ROLLED_BACK',
      `Job ${job.gid} was dropped: its database answered that the transaction had not committed.`,
      { gid: job.gid },
    )
  }

  async #create(job: JobRecord, lease: LeaseRequest | undefined): Promise<Submitted> {
    const { inserted, row } = await this.#insertAlone({
      job,
      state: 'submitted',
      dueInMs: 0,
      keep: !isSentOnce(job, false),
      lease: lease && { ...lease, token: 1 },
    })
    if (inserted) return startedAs(row, lease)
    assertSameContent(job.gid, storedIn(row), contentOf(job))
    return { started: false }
  }

  async #insertAlone(insert: JobInsert): Promise<{ inserted: boolean; row: Row }> {
    const execute: Execute = (command) => this.database.run({ ...command, writeConcern: durable })
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#insert(execute, insert)
      } catch (error) {
        // Another one with this gid was quicker: its document is found now.
        if (attempt === 5 || this.database.errorCode(error) !== 11000) throw error
      }
    }
  }

  async #insert(execute: Execute, insert: JobInsert): Promise<{ inserted: boolean; row: Row }> {
    const writeId = crypto.randomUUID()
    let reply: Reply
    try {
      reply = await execute(insertJob(this.#job, insert, writeId))
    } catch (error) {
      const { gid } = insert.job
      const code = this.database.errorCode(error)
      if (code === tooLateCode) {
        throw new SteppingError(
          'BARRIER_EXPIRED',
          `Job ${gid} was created too long ago to be stored now. Create it again.`,
          { gid },
        )
      }
      if (!isTooLarge(error, code)) throw error
      throw new SteppingError(
        'ARGS_TOO_LARGE',
        `The args of all steps of job ${gid} together are more than the 16 MB that a MongoDB document can hold. Store the data yourself and pass its id.`,
        { gid, cause: error },
      )
    }
    const row = foundRow(reply)!
    return { inserted: row['write_id'] === writeId, row }
  }

  /** Whether the context writes to this store's own collections, be it through another client. */
  async #reaches({ database }: MongoContext, job: JobRecord): Promise<boolean> {
    if (database === this.database) return true
    if (job.database?.identity !== (await this.database.identity())) return false
    const known = this.#samePlace.get(database)
    if (known !== undefined) return known
    // A copy has the same identity. In doubt it is another place: two phases are right for both.
    const [here, there] = await Promise.all([this.database.place(), database.place()])
    this.#samePlace.set(database, here === there)
    return here === there
  }

  async #among(gids: readonly string[], states: readonly JobState[]): Promise<ReadonlySet<string>> {
    if (gids.length === 0) return new Set()
    return gidsOf(await listAmong(this.database, gids, states))
  }
}

/** Said by the server, or by the driver, which makes a command of it first. */
function isTooLarge(error: unknown, code: number | undefined): boolean {
  return error instanceof RangeError || [10334, 16493, 17419, 17420].includes(code ?? 0)
}

function storedIn(row: Row): JobContent & { readonly state: JobState } {
  return row as unknown as JobContent & { state: JobState }
}

function startedAs(row: Row, lease: LeaseRequest | undefined): Submitted {
  return { started: true, ...(lease && { token: Number(row['lease_token']) }) }
}
