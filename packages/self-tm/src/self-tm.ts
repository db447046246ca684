import {
  assertNumber,
  Cleaner,
  endsWithin,
  isSteppingError,
  printKind,
  SteppingError,
} from '@stepping/core'
import type {
  AnyDatabase,
  DbContext,
  Enlistment,
  JobAdmin,
  JobRecord,
  Participant,
  TransactionManager,
} from '@stepping/core'
import { isSqlDatabase } from '@stepping/sql'
import type { AnySqlDatabase } from '@stepping/sql'
import { monotonicMs } from './clock.ts'
import { jobAdmin } from './job-admin.ts'
import { answeredWithin } from './deadline.ts'
import { Listener } from './listener.ts'
import { Notifier } from './notifier.ts'
import { databaseJobStore } from './store/database-job-store.ts'
import { isMongoDatabase } from './store/mongo/mongo-database.ts'
import type { AnyMongoDatabase } from './store/mongo/mongo-database.ts'
import type { SqlJobStoreOptions } from './store/sql-job-store.ts'
import type { Claim, JobStore } from './store/job-store.ts'
import { Worker } from './worker.ts'
import type { Slot } from './worker.ts'

export type SelfTmOptions = (
  | ({
      readonly database: AnySqlDatabase | AnyMongoDatabase
      readonly store?: undefined
    } & SqlJobStoreOptions)
  | { readonly store: JobStore; readonly database?: undefined }
) & {
  /** Jobs that run at once in this process. Default 50. */
  readonly concurrency?: number
  /** How long a job stays with a process that died, at most. Default 10,000; renewed every third of it. */
  readonly leaseMs?: number
  /** How often the store is looked at when nothing is heard. Default 2,000. */
  readonly pollMs?: number
  /** How long `close()` lets running steps go on before it aborts their signals. Default 10,000. */
  readonly drainMs?: number
  /** How often rows past their safe age are deleted. Default 3,600,000 (an hour). */
  readonly pruneEveryMs?: number
}

/**
 * The transaction manager inside the app: the app that starts a job runs it, from rows in a
 * database that it has anyway. Processes of one app share the work by leases.
 *
 * @example
 * selfTm({ database: orders })
 * @throws SteppingError `OPTIONS_INVALID` without a database, and for a number that is none, or out of range.
 */
export function selfTm(options: SelfTmOptions): TransactionManager {
  assertStore(options)
  const { concurrency = 50, leaseMs = 10_000, pollMs = 2_000 } = options
  const { drainMs = 10_000, pruneEveryMs = 3_600_000 } = options
  const times = { leaseMs, pollMs, drainMs, pruneEveryMs }
  assertNumber('selfTm', 'concurrency', concurrency, { from: 1, to: 100_000, whole: true })
  for (const [option, value] of Object.entries(times)) {
    assertNumber('selfTm', option, value, { from: 1, to: longestMs })
  }
  return new SelfTransactionManager({ ...options, concurrency, ...times })
}

function assertStore(options: Partial<SelfTmOptions> | undefined): void {
  const { database, store } = options ?? {}
  if (store || (isObject(database) && (isSqlDatabase(database) || isMongoDatabase(database))))
    return
  throw new SteppingError(
    'OPTIONS_INVALID',
    `selfTm: database is ${printKind(database)}, it must be the database of an adapter, such as pg(pool, { name }): selfTm({ database }).`,
  )
}

function isObject(value: object | undefined): value is object {
  return typeof value === 'object' && value !== null
}

/** About 11 days: a timer that is set to more than 24 fires at once, and again and again. */
const longestMs = 1_000_000_000

type Settings = SelfTmOptions &
  Required<Pick<SelfTmOptions, 'concurrency' | 'leaseMs' | 'pollMs' | 'drainMs' | 'pruneEveryMs'>>

class SelfTransactionManager implements TransactionManager {
  readonly kind = 'self-tm'
  readonly database?: AnyDatabase
  readonly jobs: JobAdmin
  readonly #options: Settings
  readonly #store: JobStore
  /** Of 20 characters at most: a column of MySQL has no more. */
  readonly #owner = `${process.pid}-${crypto.randomUUID().slice(0, 8)}`
  readonly #notifiers = new Map<string, Notifier>()
  /** Jobs whose sending was not answered: found in the store, they are no duplicates. */
  readonly #unanswered = new WeakSet<JobRecord>()
  readonly #met = new WeakSet<AnyDatabase>()
  #participant: Participant | undefined
  #worker: Worker | undefined
  #listener: Listener | undefined
  #cleaner: Cleaner | undefined
  #closed = false

  constructor(options: Settings) {
    this.#options = options
    this.#store = options.store ?? databaseJobStore(options.database, options)
    if (this.#store.database) this.database = this.#store.database
    this.jobs = jobAdmin(this.#store, () => ({
      participant: this.#participant,
      worker: this.#worker,
      closed: this.#closed,
      wake: () => this.#wake(),
    }))
  }

  async migrate(): Promise<void> {
    await this.#store.migrate()
  }

  async start(participant: Participant, { execute }: { execute: boolean }): Promise<void> {
    await this.#store.assertReady()
    this.#participant = participant
    if (!execute) return
    const { concurrency, leaseMs, pollMs, drainMs, pruneEveryMs } = this.#options
    const worker = new Worker({
      store: this.#store,
      participant,
      owner: this.#owner,
      concurrency,
      leaseMs,
      pollMs,
      drainMs,
      onBacklog: (isThere) => this.#listener?.backlog(isThere),
    })
    this.#worker = worker
    worker.start()
    this.#listener = new Listener(this.#store, participant.app, () => worker.wake())
    this.#cleaner = new Cleaner(this.jobs, participant, pruneEveryMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([
      this.#cleaner?.close(this.#options.drainMs),
      this.#listener?.close(),
      this.#worker?.close(),
    ])
    await Promise.all([...this.#notifiers.values()].map((notifier) => notifier.close()))
  }

  async prepare(job: JobRecord): Promise<void> {
    const { leaseMs } = this.#options
    const prepared = this.#store.prepare(job)
    if (await endsWithin(prepared, leaseMs)) return await prepared
    prepared.catch(() => {}) // it may still arrive; query prepared drops it
    throw new SteppingError(
      'DATABASE_UNREACHABLE',
      `Job ${job.gid} could not be prepared: its store did not answer within ${leaseMs / 1_000} s. If it shares a pool with the database of the transaction, all connections may be held by transactions that wait for one more: give it a pool of its own.`,
      { gid: job.gid },
    )
  }

  async meet(database: AnyDatabase): Promise<void> {
    if (!this.#store.meet || this.#met.has(database)) return
    try {
      await answeredWithin(this.#options.leaseMs, this.#store.meet(database))
      this.#met.add(database)
    } catch {
      // A transaction that adds no job does not need the store. One that does will be told.
    }
  }

  async submit(job: JobRecord): Promise<void> {
    const slot = this.#reserve()
    const { leaseMs } = this.#lease()
    const sentAtMs = monotonicMs()
    let submitted
    try {
      submitted = await answeredWithin(leaseMs, this.#store.submit(job, slot && this.#lease()))
    } catch (error) {
      slot?.free()
      // The store's own refusals are answers; anything else may have arrived all the same.
      if (!isSteppingError(error) || error.code === 'DATABASE_UNREACHABLE')
        this.#unanswered.add(job)
      throw error
    }
    if (submitted.started) return this.#begin(job, slot, submitted.token, sentAtMs, true)
    slot?.free()
    if (job.database || this.#unanswered.has(job)) return
    throw new SteppingError(
      'JOB_DUPLICATE',
      `A job with the gid ${job.gid} exists already. If the gid is a message's id, the message was handled.`,
      { gid: job.gid },
    )
  }

  async enlist(
    context: DbContext,
    job: JobRecord,
    before: () => Promise<void>,
  ): Promise<Enlistment | undefined> {
    // With a lease nobody else may take the row, so only where this process sees the commit itself.
    const slot = job.byHand ? undefined : this.#reserve()
    const token = newToken()
    const sentAtMs = monotonicMs()
    let enlisted = false
    try {
      enlisted = await this.#store.enlist(context, job, slot && { ...this.#lease(), token }, before)
    } finally {
      if (!enlisted) slot?.free()
    }
    if (!enlisted) return undefined
    return {
      committed: (proven) => this.#begin(job, slot, token, sentAtMs, proven),
      notCommitted: () => slot?.free(),
    }
  }

  async abort(job: JobRecord): Promise<void> {
    const seen = await this.#store.find(job.gid)
    if (seen?.state === 'prepared') await this.#store.end(seen, 'rolledBack')
  }

  #reserve(): Slot | undefined {
    const known = this.#participant?.stepNames
    return known && this.#worker?.reserve()
  }

  #lease(): { owner: string; leaseMs: number } {
    return { owner: this.#owner, leaseMs: this.#options.leaseMs }
  }

  /** The job is durable: run it here if a slot was kept for it, else say that there is work. */
  #begin(
    job: JobRecord,
    slot: Slot | undefined,
    token: number | undefined,
    sentAtMs: number,
    proven: boolean,
  ): void {
    if (!slot || token === undefined) return this.#wake(job.app)
    const { gid, steps, database } = job
    const claim: Claim = {
      gid,
      token,
      state: 'submitted',
      steps,
      cursor: 0,
      attempts: 0,
      ...(database && { database }),
    }
    slot.run(claim, sentAtMs, proven)
  }

  #wake(app: string | undefined = this.#participant?.app): void {
    this.#worker?.wake()
    if (app === undefined) return
    let notifier = this.#notifiers.get(app)
    if (!notifier) this.#notifiers.set(app, (notifier = new Notifier(this.#store, app)))
    notifier.tell()
  }
}

/** See `NewLease`. Claims count on from it, within what a column of 32 bits can hold. */
function newToken(): number {
  return 1 + Math.floor(Math.random() * 2 ** 30)
}
