import { SteppingError } from '@stepping/core'
import type {
  AnyDatabase,
  DatabaseIdentity,
  DbContext,
  JobPageRequest,
  JobRecord,
  JobState,
  JobView,
} from '@stepping/core'
import { isSqlContext, isSqlDatabase, rawSql, transactionLost } from '@stepping/sql'
import type { AnySqlDatabase, Execute, Statement } from '@stepping/sql'
import { activeStates } from '../job-state.ts'
import {
  assertSameContent,
  assertStillPrepared,
  contentOf,
  decodeDatabase,
  isSentOnce,
} from './job-content.ts'
import type { JobContent } from './job-content.ts'
import { claimOf, gidsOf, numberOrNull, viewOf } from './job-rows.ts'
import type { Row } from './job-rows.ts'
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
} from './job-store.ts'
import type { JobInsert, JobStatements } from './job-statements.ts'
import { mysqlStatements } from './mysql/index.ts'
import { postgresStatements } from './postgres/index.ts'
import { sqliteStatements } from './sqlite/index.ts'
import { channelOf } from './channel.ts'
import { isSamePlace } from './same-place.ts'
import { settleBatch } from './settle-batch.ts'

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

const statementsOf: Partial<Record<AnySqlDatabase['dialect'], JobStatements>> = {
  mysql: mysqlStatements,
  postgres: postgresStatements,
  sqlite: sqliteStatements,
}

class SqlJobStore implements JobStore {
  readonly database: AnySqlDatabase
  readonly #statements: JobStatements
  readonly #samePlace = new WeakMap<AnySqlDatabase, boolean>()
  readonly #history: { readonly keepMs: number } | undefined
  readonly #queryPreparedAfterMs: number
  readonly notify?: (app: string) => Promise<void>
  readonly listen?: NonNullable<JobStore['listen']>

  constructor(database: AnySqlDatabase, options: SqlJobStoreOptions) {
    this.database = database
    this.#statements = statementsOf[database.dialect]!
    this.#history = options.history
    this.#queryPreparedAfterMs = options.queryPreparedAfterMs ?? 10_000
    const { listen } = database
    const statements = this.#statements
    if (!listen || !statements.notify) return
    const channel = (app: string): string => channelOf(database.tables.namespace, app)
    this.notify = async (app) => void (await statements.notify!(database, channel(app)))
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
    const inserted = await this.#insertAlone({
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

  async meet(database: AnyDatabase): Promise<void> {
    await this.assertReady()
    await this.#isHere(database, async () => await database.identity())
  }

  async enlist(
    context: DbContext,
    job: JobRecord,
    lease?: NewLease,
    before?: () => Promise<void>,
  ): Promise<boolean> {
    if (!isSqlContext(context)) return false
    if (!(await this.#isHere(context.database, async () => job.database?.identity))) return false
    await this.assertReady(context.database === this.database ? context : undefined)
    await before?.()
    const insert: JobInsert = {
      job,
      state: 'submitted',
      dueInMs: 0,
      keep: !isSentOnce(job, true),
      lease,
    }
    const { executeLast } = context
    const { insertLast } = this.#statements
    // After one by hand there may be more in the transaction: the caller's statements, another job.
    if (executeLast && insertLast && !job.byHand) {
      await executeLast(insertLast.statement(this.database.tables, insert), (error) => {
        const why = insertLast.whyNot(error)
        return why === undefined ? error : notInserted(why, job.gid, error)
      })
      return true
    }
    const inserted = await this.#insert(context.execute, insert, context.open)
    if (inserted) return true
    throw notInserted('exists', job.gid)
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const rows = await this.#run((says) => says.claimJobs(this.database, request))
    const ahead = rows.find((row) => row['gid'] === null)
    const unknown = ahead?.['unknown_steps'] as string | null
    return {
      claims: rows.filter((row) => row !== ahead).map(claimOf),
      nextInMs: numberOrNull(ahead?.['next_in_ms']),
      unknownSteps:
        request.lookAheadMs === undefined ? null : (JSON.parse(unknown ?? '[]') as string[]),
    }
  }

  async renew(held: readonly HeldLease[], leaseMs: number): Promise<ReadonlySet<string>> {
    const leases = held.map(({ gid, token }) => ({ gid, token }))
    return gidsOf(await this.#run((says) => says.renewLeases(this.database, leases, leaseMs)))
  }

  async settle(settlements: readonly Settlement[]): Promise<ReadonlyMap<string, SettleResult>> {
    const keepHistory = this.#history !== undefined
    return await settleBatch(settlements, {
      write: (batch) => this.#run((says) => says.settleJobs(this.database, batch, keepHistory)),
      read: (gids) => this.#run((says) => says.readCursors(this.database, gids)),
    })
  }

  isRefusal(error: unknown): boolean {
    return this.database.sqlDialect.isRefusal(error)
  }

  async find(gid: string): Promise<JobView | null> {
    const rows = await this.#run((says) => says.findJob(this.database, gid))
    return rows[0] ? viewOf(rows[0]) : null
  }

  async list(request: JobPageRequest): Promise<readonly JobView[]> {
    return (await this.#run((says) => says.listJobs(this.database, request))).map(viewOf)
  }

  async databaseOf(gid: string): Promise<DatabaseIdentity | undefined> {
    return decodeDatabase((await this.#content(gid))?.database ?? null).database
  }

  async retry(gid: string): Promise<boolean> {
    return (await this.#run((says) => says.retryJob(this.database, gid))).length > 0
  }

  async end(seen: JobView, as: 'cancelled' | 'rolledBack'): Promise<boolean> {
    return (await this.#run((says) => says.endJob(this.database, seen, as))).length > 0
  }

  async overview(app: string): Promise<{ prepared: number; submitted: number; parked: number }> {
    const rows = await this.#run((says) => says.countJobs(this.database, app))
    const counts = new Map(rows.map((row) => [row['state'], Number(row['count'])]))
    const count = (state: JobState): number => counts.get(state) ?? 0
    return { prepared: count('prepared'), submitted: count('submitted'), parked: count('parked') }
  }

  async prune(limit: number): Promise<number> {
    const keepMs = this.#history?.keepMs ?? null
    const rows = await this.#run((says) => says.pruneJobs(this.database, limit, keepMs))
    return Number(rows[0]?.['jobs']) + Number(rows[0]?.['history'])
  }

  async over(gids: readonly string[]): Promise<ReadonlySet<string>> {
    return await this.#among(gids, ['finished', 'rolledBack', 'cancelled'])
  }

  async active(gids: readonly string[]): Promise<ReadonlySet<string>> {
    return await this.#among(gids, [...activeStates, 'parked'])
  }

  async #submitPrepared(job: JobRecord, lease: LeaseRequest | undefined): Promise<Submitted> {
    const rows = await this.#run((says) => says.submitPrepared(this.database, job, lease))
    if (rows[0]) return { started: true, ...(lease && { token: Number(rows[0]['lease_token']) }) }
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
    const inserted = await this.#insertAlone({
      job,
      state: 'submitted',
      dueInMs: 0,
      keep: !isSentOnce(job, false),
      lease: lease && { ...lease, token: 1 },
    })
    if (inserted) return { started: true, ...(lease && { token: 1 }) }
    const stored = await this.#content(job.gid)
    if (stored) assertSameContent(job.gid, stored, contentOf(job))
    return { started: false }
  }

  async #insertAlone(insert: JobInsert): Promise<boolean> {
    const { database } = this
    const execute: Execute = (statement) => this.#run(() => database.run(statement))
    return await this.#insert(execute, insert, rawSql('true'))
  }

  /** Whether it was: false when there is a row already. */
  async #insert(execute: Execute, insert: JobInsert, open: Statement): Promise<boolean> {
    const found = await this.#statements.insertJob(this.database.tables, execute, insert, open)
    if (found === 'lost') throw transactionLost(insert.job.gid)
    if (found !== 'expired') return found === 'inserted'
    throw notInserted('expired', insert.job.gid)
  }

  /** Whether this is the store's own database, be it through another library. */
  async #isHere(
    database: AnyDatabase,
    identity: () => Promise<string | undefined>,
  ): Promise<boolean> {
    if (database === this.database) return true
    if (!isSqlDatabase(database) || database.dialect !== this.database.dialect) return false
    if ((await identity()) !== (await this.database.identity())) return false
    const known = this.#samePlace.get(database)
    if (known !== undefined) return known
    const same = await isSamePlace(database, this.database)
    this.#samePlace.set(database, same)
    return same
  }

  async #content(gid: string): Promise<(JobContent & { state: JobState }) | undefined> {
    const rows = await this.#run((says) => says.readContent(this.database, gid))
    return rows[0] as unknown as (JobContent & { state: JobState }) | undefined
  }

  async #among(gids: readonly string[], states: readonly JobState[]): Promise<ReadonlySet<string>> {
    if (gids.length === 0) return new Set()
    return gidsOf(await this.#run((says) => says.listAmong(this.database, gids, states)))
  }

  /** A deadlock or a serialization failure undid it whole: it is sent again. */
  async #run<R = readonly Row[]>(ask: (says: JobStatements) => Promise<R>): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask(this.#statements)
      } catch (error) {
        if (attempt === 5 || !this.database.sqlDialect.isRolledBack(error)) throw error
      }
    }
  }
}

function notInserted(why: 'exists' | 'expired', gid: string, cause?: unknown): SteppingError {
  const because = { gid, ...(cause !== undefined && { cause }) }
  return why === 'exists'
    ? new SteppingError(
        'JOB_DUPLICATE',
        `A job with the gid ${gid} exists already. Roll this transaction back; if the gid is a message's id, the message was handled.`,
        because,
      )
    : new SteppingError(
        'BARRIER_EXPIRED',
        `Job ${gid} was created too long ago to be stored now. Create it again.`,
        because,
      )
}
