import { DatabaseRegistry } from './database-registry.ts'
import type { CommittableContext, Database, DbContext } from './db-context.ts'
import { SteppingError } from './errors.ts'
import { logEvent } from './event.ts'
import type { SteppingEvent } from './event.ts'
import { assertContextOrOptions, assertDatabase, assertWork } from './given.ts'
import { httpStep } from './http-step.ts'
import { guardedJobs } from './job-admin.ts'
import type { Health, Jobs } from './job-admin.ts'
import { JobHandle } from './job-handle.ts'
import type {
  CommittableJob,
  Job,
  JobOptions,
  LoneJobOptions,
  TransactionJob,
} from './job-handle.ts'
import { JobDraft } from './job.ts'
import type { JobSteps } from './job.ts'
import { consoleLogger } from './logger.ts'
import { assertCanBeAsked } from './nesting.ts'
import { assertOptions, assertOptionsFor, claimTransactionManager } from './stepping-options.ts'
import type { SteppingOptions } from './stepping-options.ts'
import { createParticipant } from './participant.ts'
import { StepRegistry } from './step-registry.ts'
import type { AnyStep } from './step.ts'
import { runInTransaction } from './transaction.ts'
import type { TransactionOptions, TransactionParts } from './transaction.ts'

export interface Stepping extends AsyncDisposable {
  readonly app: string
  readonly jobs: Jobs
  /**
   * Creates or upgrades the tables of all registered databases and of the transaction manager,
   * except those of `tenantDatabases`; with `tenant`, of that tenant's databases and nothing else.
   * Run it when deploying. Repeating it changes nothing; nothing else ever does DDL.
   */
  migrate(options?: { readonly tenant?: string }): Promise<void>
  /**
   * Checks every database and begins to execute jobs.
   *
   * @throws SteppingError `SCHEMA_MISSING`, `SCHEMA_OLDER`, `SCHEMA_NEWER`, `CLOCK_SKEW`,
   * `DATABASE_UNREACHABLE`, `ALREADY_STARTED`, `CLOSED`.
   */
  start(): Promise<void>
  /** Lets running steps end (then aborts their signals), gives everything else back, and stops. */
  close(): Promise<void>
  health(): Promise<Health>
  /** A job without a transaction. */
  createJob(options?: LoneJobOptions): Job
  /** A job tied to an open transaction that it can commit. */
  createJob(context: CommittableContext, options?: JobOptions): CommittableJob
  /** A job tied to an open transaction. */
  createJob(context: DbContext, options?: JobOptions): TransactionJob
  /**
   * Runs `work` in a transaction of `database`; the steps it adds to `job` are done if and only if
   * that transaction commits. Resolves with what `work` returned.
   *
   * @throws what `work` threw, unchanged; SteppingError `TRANSACTION_ROLLED_BACK`,
   * `TRANSACTION_OUTCOME_UNKNOWN`, `TRANSACTION_NESTED`, `JOB_DUPLICATE`,
   * `DATABASE_NOT_REGISTERED` and those of `Database.identity`.
   */
  transaction<Tx, R, O>(
    database: Database<Tx, DbContext, O>,
    work: (tx: Tx, job: JobSteps) => Promise<R>,
    options?: TransactionOptions<NoInfer<O>>,
  ): Promise<R>
}

/** How long `close()` waits for what runs in the background. */
const backgroundMs = 5_000

/** How long a process may add jobs without `start()` before the log says so. */
const startForgottenMs = 5_000

/**
 * Puts an app together: its transaction manager, databases and steps. Nothing is connected yet.
 *
 * @throws SteppingError `OPTIONS_INVALID`, `STEP_DUPLICATE`, `DATABASE_DUPLICATE`.
 */
export function createStepping<Services = unknown>(options: SteppingOptions<Services>): Stepping {
  return new SteppingEngine(options as SteppingOptions<unknown>)
}

class SteppingEngine implements Stepping {
  readonly app: string
  readonly #options: SteppingOptions
  readonly #registry: StepRegistry
  readonly #databases: DatabaseRegistry
  readonly #background = new Set<Promise<unknown>>()
  readonly #parts: TransactionParts
  readonly #jobs: ReturnType<typeof guardedJobs> | undefined
  #state: 'new' | 'started' | 'closing' | 'closed' = 'new'
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #reminder: ReturnType<typeof setTimeout> | undefined

  constructor(options: SteppingOptions) {
    assertOptions(options)
    const { app, tm, databases = [], steps } = options
    this.app = app
    this.#options = options
    this.#registry = new StepRegistry([...steps, httpStep] as readonly AnyStep<never>[])
    this.#databases = new DatabaseRegistry(tm.database ? [...databases, tm.database] : databases)
    this.#parts = {
      tm,
      report: (event) => this.#report(event),
      inBackground: (work) => this.#inBackground(work),
      createDraft: (job) => this.#createDraft(job),
      assertRegistered: (database) => this.#databases.assertRegistered(database),
    }
    this.#jobs =
      tm.jobs &&
      guardedJobs(
        tm.jobs,
        { app, kind: tm.kind },
        {
          storeCanBeAsked: () => assertCanBeAsked(tm.database),
          allCanBeAsked: () => this.#assertCanBeAsked(),
        },
      )
    claimTransactionManager(tm, app)
  }

  get jobs(): ReturnType<typeof guardedJobs> {
    if (this.#jobs) return this.#jobs
    throw new SteppingError('NOT_SUPPORTED', 'This transaction manager cannot list or steer jobs.')
  }

  async health(): Promise<Health> {
    return await this.jobs.health()
  }

  async migrate({ tenant }: { readonly tenant?: string } = {}): Promise<void> {
    this.#assertCanBeAsked()
    const { single } = this.#databases
    const databases = tenant === undefined ? single : await this.#databases.ofTenant(tenant)
    for (const database of databases) await database.migrate()
    if (tenant === undefined) await this.#options.tm.migrate?.()
  }

  async start(): Promise<void> {
    if (this.#state === 'started') {
      throw new SteppingError('ALREADY_STARTED', `Stepping for ${this.app} was started already.`)
    }
    this.#assertNotClosing()
    this.#assertCanBeAsked()
    this.#state = 'started'
    clearTimeout(this.#reminder)
    this.#starting = this.#begin()
    try {
      await this.#starting
    } catch (error) {
      if (this.#state === 'started') this.#state = 'new'
      throw error
    }
  }

  async #begin(): Promise<void> {
    const { tm } = this.#options
    for (const database of this.#databases.single) {
      await database.identity()
      await tm.meet?.(database)
    }
    // Closed while the databases were asked: what began now would never be ended.
    this.#assertNotClosing()
    const store = await tm.database?.identity()
    const participant = createParticipant({
      ...this.#parts,
      app: this.app,
      owner: [this.app, tm.kind, ...(store === undefined ? [] : [store])].join('/'),
      registry: this.#registry,
      databases: this.#databases,
      services: this.#options.services,
    })
    await tm.start(participant, { execute: this.#options.execute ?? true })
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    this.#state = 'closing'
    clearTimeout(this.#reminder)
    await this.#starting?.catch(() => {})
    await this.#backgroundEnds()
    try {
      // Until this is done, steps that run to their end may use `once` and add jobs.
      await this.#options.tm.close()
    } finally {
      this.#state = 'closed'
    }
    await this.#backgroundEnds()
  }

  /** It is only there to be quicker than query prepared: a database that says nothing may not hold the close up. */
  async #backgroundEnds(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const timeout = new Promise((resolve) => {
      timer = setTimeout(resolve, backgroundMs)
    })
    await Promise.race([Promise.all(this.#background), timeout])
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  createJob(first: DbContext | LoneJobOptions = {}, second: JobOptions = {}): Job & CommittableJob {
    assertContextOrOptions(first)
    const context = 'database' in first ? first : undefined
    if (context) this.#databases.assertRegistered(context.database)
    const options: LoneJobOptions = context ? second : (first as LoneJobOptions)
    const { independent } = options
    return new JobHandle(this.#parts, this.#createDraft(options), { context, independent })
  }

  async transaction<Tx, R, O>(
    database: Database<Tx, DbContext, O>,
    work: (tx: Tx, job: JobSteps) => Promise<R>,
    options?: TransactionOptions<NoInfer<O>>,
  ): Promise<R> {
    this.#assertNotClosed()
    assertDatabase('stepping.transaction', database)
    assertWork('stepping.transaction', work)
    return await runInTransaction(this.#parts, database, work, options)
  }

  #createDraft({ gid, tm: tmOptions }: JobOptions): JobDraft {
    this.#assertNotClosed()
    assertOptionsFor(this.#options.tm, tmOptions)
    const onSend = (sent: string): void => this.#remind(sent)
    return new JobDraft({ app: this.app, registry: this.#registry, gid, tmOptions, onSend })
  }

  #remind(gid: string): void {
    const awaited = this.#state === 'new' && this.#options.execute !== false
    if (!awaited || this.#reminder !== undefined) return
    this.#reminder = setTimeout(
      () => this.#report({ type: 'start.forgotten', gid }),
      startForgottenMs,
    )
    // In Node a timer is an object that would keep the process alive; in a browser it is a number.
    ;(this.#reminder as { unref?: () => void }).unref?.()
  }

  #assertCanBeAsked(): void {
    for (const database of this.#databases.known) assertCanBeAsked(database)
  }

  #assertNotClosed(): void {
    if (this.#state === 'closed') throw this.#closed()
  }

  #assertNotClosing(): void {
    if (this.#state === 'closing' || this.#state === 'closed') throw this.#closed()
  }

  #closed(): SteppingError {
    return new SteppingError('CLOSED', `Stepping for ${this.app} is closed: create another one.`)
  }

  #inBackground(work: Promise<unknown>): void {
    this.#background.add(work)
    void work.finally(() => this.#background.delete(work))
  }

  #report(event: SteppingEvent): void {
    const { logger = consoleLogger, onEvent } = this.#options
    ignoreFailure(() => logEvent(logger, event))
    ignoreFailure(() => onEvent?.(event))
  }
}

/** A log that fails, now or in a promise, must not decide what becomes of a job. */
function ignoreFailure(tell: () => unknown): void {
  try {
    const told = tell()
    if (told instanceof Promise) told.catch(() => {})
  } catch {}
}
