import { SteppingError } from '@stepping/core'
import type { DatabaseIdentity, DbContext, JobRecord, JobState, JobView } from '@stepping/core'
import { errorCode, isRolledBackByServer, isSqlContext, isSqlDatabase } from '@stepping/sql'
import type { AnySqlDatabase, Execute, SqlContext, SqlResult, Statement } from '@stepping/sql'
import { activeStates } from '../job-state.ts'
import {
  assertSameContent,
  assertStillPrepared,
  contentOf,
  decodeDatabase,
  isSentOnce,
} from './job-content.ts'
import type { JobContent } from './job-content.ts'
import { claimOf, gidsOf, standingOf, storable, viewOf } from './job-rows.ts'
import type {
  Claimed,
  ClaimRequest,
  HeldLease,
  JobStore,
  LeaseRequest,
  Settlement,
  SettleResult,
  Submitted,
} from './job-store.ts'
import type { JobInsert, JobStatements } from './job-statements.ts'
import { postgresStatements } from './postgres/index.ts'
import { channelOf } from './channel.ts'
import { isSamePlace } from './same-place.ts'
import { wasWritten } from './was-written.ts'

export interface SqlJobStoreOptions {
  /** Keeps finished jobs in a table of their own for this long. Default: they are deleted. */
  readonly history?: { readonly keepMs: number }
  /** How long after its prepare a job is asked about if no submit came. Default 10,000. */
  readonly queryPreparedAfterMs?: number
}

/** A job store over any SQL database of the app: it needs no pool and no driver of its own. */
export function sqlJobStore(database: AnySqlDatabase, options: SqlJobStoreOptions = {}): JobStore {
  return new SqlJobStore(database, options)
}

class SqlJobStore implements JobStore {
  readonly database: AnySqlDatabase
  readonly #statements: JobStatements = postgresStatements
  readonly #samePlace = new WeakMap<AnySqlDatabase, boolean>()
  readonly #history: { readonly keepMs: number } | undefined
  readonly #queryPreparedAfterMs: number
  readonly notify?: (app: string) => Promise<void>
  readonly listen?: NonNullable<JobStore['listen']>

  constructor(database: AnySqlDatabase, options: SqlJobStoreOptions) {
    this.database = database
    this.#history = options.history
    this.#queryPreparedAfterMs = options.queryPreparedAfterMs ?? 10_000
    const { listen } = database
    if (!listen) return
    const channel = (app: string): string => channelOf(database.tables.schema, app)
    this.notify = async (app) => void (await this.#run(this.#statements.notify(channel(app))))
    this.listen = (app, onNotify, onLost) => listen(channel(app), onNotify, onLost)
  }

  async migrate(): Promise<void> {
    await this.database.migrateSet(this.#statements.migrations)
  }

  async assertReady(context?: DbContext): Promise<void> {
    await this.database.assertMigrated(this.#statements.migrations, context)
  }

  async prepare(job: JobRecord): Promise<void> {
    await this.assertReady()
    const inserted = await this.#insert((statement) => this.#run(statement), {
      job,
      state: 'prepared',
      dueInMs: this.#queryPreparedAfterMs,
      keep: true,
    })
    if (inserted) return
    const stored = await this.#content(job.gid)
    if (stored) assertStillPrepared(job, stored)
  }

  async submit(job: JobRecord, lease?: LeaseRequest): Promise<Submitted> {
    await this.assertReady()
    return job.database ? await this.#submitPrepared(job, lease) : await this.#create(job, lease)
  }

  async enlist(
    context: DbContext,
    job: JobRecord,
    lease?: LeaseRequest,
    before?: () => Promise<void>,
  ): Promise<boolean> {
    if (!isSqlContext(context) || !(await this.#reaches(context, job))) return false
    await this.assertReady(context.database === this.database ? context : undefined)
    await before?.()
    const inserted = await this.#insert((statement) => context.execute(statement), {
      job,
      state: 'submitted',
      dueInMs: 0,
      keep: !isSentOnce(job, true),
      lease,
    })
    if (inserted) return true
    throw new SteppingError(
      'JOB_DUPLICATE',
      `A job with the gid ${job.gid} exists already. Roll this transaction back; if the gid is a message's id, the message was handled.`,
      { gid: job.gid },
    )
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const { rows } = await this.#run(this.#statements.claimJobs(this.database.tables, request))
    const ahead = rows.find((row) => row['gid'] === null)
    const unknown = ahead?.['unknown_steps'] as string | null
    return {
      claims: rows.filter((row) => row !== ahead).map(claimOf),
      nextInMs: ahead?.['next_in_ms'] as number | null,
      unknownSteps:
        request.lookAheadMs === undefined ? null : (JSON.parse(unknown ?? '[]') as string[]),
    }
  }

  async renew(held: readonly HeldLease[], leaseMs: number): Promise<ReadonlySet<string>> {
    const leases = held.map(({ gid, token }) => ({ gid, token }))
    const { rows } = await this.#run(
      this.#statements.renewLeases(this.database.tables, leases, leaseMs),
    )
    return gidsOf(rows)
  }

  async settle(settlements: readonly Settlement[]): Promise<ReadonlyMap<string, SettleResult>> {
    const { tables } = this.database
    const { rows } = await this.#run(
      this.#statements.settleJobs(tables, settlements.map(storable), this.#history !== undefined),
    )
    const written = gidsOf(rows)
    const missed = settlements.filter(({ gid }) => !written.has(gid))
    const results = new Map<string, SettleResult>([...written].map((gid) => [gid, 'saved']))
    if (missed.length === 0) return results
    // Not written may mean: written before, by a call whose answer was lost.
    const found = await this.#run(
      this.#statements.readCursors(
        tables,
        missed.map(({ gid }) => gid),
      ),
    )
    const standing = new Map(found.rows.map((row) => [row['gid'] as string, standingOf(row)]))
    for (const settlement of missed) {
      results.set(
        settlement.gid,
        wasWritten(settlement, standing.get(settlement.gid)) ? 'saved' : 'lost',
      )
    }
    return results
  }

  /** SQLSTATE classes 22 (data exception), 23 (integrity) and 54 (program limit). */
  isRefusal(error: unknown): boolean {
    return /^(22|23|54)/.test(errorCode(error) ?? '')
  }

  async find(gid: string): Promise<JobView | null> {
    const { rows } = await this.#run(this.#statements.findJob(this.database.tables, gid))
    return rows[0] ? viewOf(rows[0]) : null
  }

  async databaseOf(gid: string): Promise<DatabaseIdentity | undefined> {
    return decodeDatabase((await this.#content(gid))?.database ?? null).database
  }

  async retry(gid: string): Promise<boolean> {
    const { rows } = await this.#run(this.#statements.retryJob(this.database.tables, gid))
    return rows.length > 0
  }

  async end(seen: JobView, as: 'cancelled' | 'rolledBack'): Promise<boolean> {
    const { rows } = await this.#run(this.#statements.endJob(this.database.tables, seen, as))
    return rows.length > 0
  }

  async overview(app: string): Promise<{ prepared: number; submitted: number; parked: number }> {
    const { rows } = await this.#run(this.#statements.countJobs(this.database.tables, app))
    const counts = new Map(rows.map((row) => [row['state'], row['count'] as number]))
    const count = (state: JobState): number => counts.get(state) ?? 0
    return { prepared: count('prepared'), submitted: count('submitted'), parked: count('parked') }
  }

  async prune(limit: number): Promise<number> {
    const { rows } = await this.#run(
      this.#statements.pruneJobs(this.database.tables, limit, this.#history?.keepMs ?? null),
    )
    return (rows[0]?.['jobs'] as number) + (rows[0]?.['history'] as number)
  }

  async over(gids: readonly string[]): Promise<ReadonlySet<string>> {
    return await this.#among(gids, ['finished', 'rolledBack', 'cancelled'])
  }

  async active(gids: readonly string[]): Promise<ReadonlySet<string>> {
    return await this.#among(gids, [...activeStates, 'parked'])
  }

  async #submitPrepared(job: JobRecord, lease: LeaseRequest | undefined): Promise<Submitted> {
    const { rows } = await this.#run(
      this.#statements.submitPrepared(this.database.tables, job, lease),
    )
    if (rows[0]) return { started: true, ...(lease && { token: rows[0]['lease_token'] as number }) }
    const stored = await this.#content(job.gid)
    if (!stored) {
      throw new SteppingError(
        'JOB_UNKNOWN',
        `Job ${job.gid} was never prepared, or it finished so long ago that its row is cleaned away. It is not started again.`,
        { gid: job.gid },
      )
    }
    assertSameContent(job.gid, stored, contentOf(job))
    if (stored.state !== 'rolledBack') return { started: false }
    throw new SteppingError(
      'TRANSACTION_ROLLED_BACK',
      `Job ${job.gid} was dropped: its database answered that the transaction had not committed.`,
      { gid: job.gid },
    )
  }

  async #create(job: JobRecord, lease: LeaseRequest | undefined): Promise<Submitted> {
    const inserted = await this.#insert((statement) => this.#run(statement), {
      job,
      state: 'submitted',
      dueInMs: 0,
      keep: !isSentOnce(job, false),
      lease,
    })
    if (inserted) return { started: true, ...(lease && { token: 1 }) }
    const stored = await this.#content(job.gid)
    if (stored) assertSameContent(job.gid, stored, contentOf(job))
    return { started: false }
  }

  async #insert(execute: Execute, insert: JobInsert): Promise<boolean> {
    const { rows } = await execute(this.#statements.insertJob(this.database.tables, insert))
    if (rows[0]?.['open'] === true) return rows[0]['inserted'] === true
    throw new SteppingError(
      'BARRIER_EXPIRED',
      `Job ${insert.job.gid} was created too long ago to be stored now. Create it again.`,
      { gid: insert.job.gid },
    )
  }

  /** Whether the context writes to this store's own tables, be it through another library. */
  async #reaches(context: SqlContext, job: JobRecord): Promise<boolean> {
    const { database } = context
    if (database === this.database) return true
    if (!isSqlDatabase(database) || database.dialect !== this.database.dialect) return false
    if (job.database?.identity !== (await this.database.identity())) return false
    const known = this.#samePlace.get(database)
    if (known !== undefined) return known
    const same = await isSamePlace(database, this.database)
    this.#samePlace.set(database, same)
    return same
  }

  async #content(gid: string): Promise<(JobContent & { state: JobState }) | undefined> {
    const { rows } = await this.#run(this.#statements.readContent(this.database.tables, gid))
    return rows[0] as unknown as (JobContent & { state: JobState }) | undefined
  }

  async #among(gids: readonly string[], states: readonly JobState[]): Promise<ReadonlySet<string>> {
    if (gids.length === 0) return new Set()
    const { rows } = await this.#run(this.#statements.listAmong(this.database.tables, gids, states))
    return gidsOf(rows)
  }

  /** A deadlock or a serialization failure undid the statement whole: it is sent again. */
  async #run(statement: Statement): Promise<SqlResult> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.database.run(statement)
      } catch (error) {
        if (attempt === 5 || !isRolledBackByServer(error)) throw error
      }
    }
  }
}
