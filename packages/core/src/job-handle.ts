import { barrierKey, bindToTransaction, withGid } from './binding.ts'
import type { Binding, SendParts } from './binding.ts'
import type { CommittableContext, DbContext } from './db-context.ts'
import { isSteppingError, SteppingError } from './errors.ts'
import { toError } from './event.ts'
import type { JobDraft, JobSteps } from './job.ts'
import { assertCanBeAsked, assertNoTransaction } from './nesting.ts'
import type { Step, StepArgs } from './step.ts'
import type { JobRecord, TmOptions } from './transaction-manager.ts'

/** `submitted: false`: committed, but the submit did not get through; the steps start once query prepared was asked. */
export interface JobReceipt {
  readonly gid: string
  readonly submitted: boolean
}

export interface JobOptions {
  /** A gid of the caller's own, for example the id of the message that is being handled. */
  readonly gid?: string
  /** What this job asks of the transaction manager: what its package makes them, `dtmOptions({ … })` for example. */
  readonly tm?: TmOptions
}

export interface LoneJobOptions extends JobOptions {
  /** Lets it be started inside a transaction although its steps then run even if that rolls back. */
  readonly independent?: boolean
}

/** A job without a transaction. */
export interface Job extends JobSteps {
  /**
   * Sends the job. When it resolves the steps are durable and will be done. After a rejection it
   * may be called again on this object: it never makes a second run.
   *
   * @throws SteppingError `JOB_NO_STEPS`, `JOB_ALREADY_SUBMITTED`, `JOB_DUPLICATE` when a job with
   * this gid exists, `TRANSACTION_NESTED` inside a transaction of `stepping.transaction` or `once`.
   */
  start(): Promise<JobReceipt>
}

/** A job tied to a transaction that the caller commits. */
export interface TransactionJob extends JobSteps {
  /**
   * Ties the job to the open transaction: call it as its last statement. When it resolves, the
   * steps will be done if the transaction commits, even without `submit()`, and never if it does
   * not. When it rejects, roll the transaction back.
   *
   * @throws SteppingError `JOB_NO_STEPS`, `JOB_ALREADY_PREPARED`, `JOB_DUPLICATE`,
   * `BARRIER_DECIDED`, `TRANSACTION_UNUSABLE`, `TRANSACTION_LOST`.
   */
  prepareAndInsertBarrier(): Promise<void>
  /**
   * Starts the steps at once; call it after the commit. It asks the database whether the
   * transaction committed.
   *
   * @throws SteppingError `TRANSACTION_NOT_COMMITTED` while it is open (call again after the
   * commit), `TRANSACTION_ROLLED_BACK`, `JOB_NOT_PREPARED`, `JOB_ALREADY_SUBMITTED`.
   */
  submit(): Promise<JobReceipt>
}

/** A job tied to a transaction that the job can commit. */
export interface CommittableJob extends TransactionJob {
  /**
   * Prepare, barrier, commit, submit. After the commit it never rejects.
   *
   * @throws as `prepareAndInsertBarrier`, and `TRANSACTION_ROLLED_BACK` or
   * `TRANSACTION_OUTCOME_UNKNOWN` from the commit.
   */
  start(): Promise<JobReceipt>
}

type Phase = 'new' | 'preparing' | 'prepared' | 'submitting' | 'submitted' | 'failed'

/** All three kinds of job. Their types show a caller only what fits the context. */
export class JobHandle implements CommittableJob {
  readonly #parts: SendParts
  readonly #draft: JobDraft
  readonly #context: DbContext | CommittableContext | undefined
  readonly #independent: boolean
  // Moved synchronously, before the first await of each call, so that of two calls one is refused.
  #phase: Phase = 'new'
  #bound: { job: JobRecord; binding: Binding } | undefined

  constructor(
    parts: SendParts,
    draft: JobDraft,
    to: { readonly context?: DbContext | undefined; readonly independent?: boolean | undefined },
  ) {
    this.#parts = parts
    this.#draft = draft
    this.#context = to.context
    this.#independent = to.independent ?? false
  }

  get gid(): string {
    return this.#draft.gid
  }

  addStep<Input>(step: Step<Input, never>, ...args: StepArgs<NoInfer<Input>>): this {
    this.#draft.addStep(step, ...args)
    return this
  }

  async start(): Promise<JobReceipt> {
    const context = this.#context
    if (!context) return await this.#startAlone()
    if (!('commit' in context)) {
      throw this.#error(
        'NOT_SUPPORTED',
        'is tied to a transaction that only its library can commit: call prepareAndInsertBarrier() inside it and submit() after it',
      )
    }
    await this.prepareAndInsertBarrier({ byHand: false })
    const { binding } = this.#bound!
    this.#phase = 'submitting'
    try {
      await context.commit()
    } catch (error) {
      this.#phase = 'failed'
      binding.notCommitted()
      throw withGid(error, this.gid)
    }
    try {
      const submitted = await binding.committed()
      this.#phase = 'submitted'
      return { gid: this.gid, submitted }
    } catch (error) {
      this.#phase = 'failed'
      throw error
    }
  }

  async prepareAndInsertBarrier({ byHand = true }: { byHand?: boolean } = {}): Promise<void> {
    const context = this.#context
    if (!context) {
      throw this.#error(
        'JOB_NO_TRANSACTION',
        'has no transaction: create it with createJob(database.context(tx))',
      )
    }
    this.#assertPhase('new')
    this.#assertHasSteps()
    this.#phase = 'preparing'
    // Once a statement was sent in the transaction it may have arrived although its answer did
    // not: a second try would meet its own row, so only a roll-back is left.
    let repeatable = true
    try {
      const { database } = context
      const identity = await database.identity(context)
      await context.assertUsable()
      // Last of what may be repeated: the record, once made, keeps who commits.
      const job = await this.#draft.record({ database: { ...database.ref, identity }, byHand })
      repeatable = false
      const binding = await bindToTransaction(this.#parts, job, context, () => {
        repeatable = true
      })
      this.#bound = { job, binding }
      this.#phase = 'prepared'
    } catch (error) {
      this.#phase = repeatable ? 'new' : 'failed'
      throw withGid(error, this.gid)
    }
  }

  async submit(): Promise<JobReceipt> {
    this.#assertPhase('prepared')
    this.#phase = 'submitting'
    try {
      const submitted = await this.#submitIfCommitted()
      this.#phase = 'submitted'
      return { gid: this.gid, submitted }
    } catch (error) {
      this.#phase = isSteppingError(error, 'TRANSACTION_NOT_COMMITTED') ? 'prepared' : 'failed'
      throw error
    }
  }

  async #startAlone(): Promise<JobReceipt> {
    this.#assertPhase('new')
    this.#assertHasSteps()
    assertCanBeAsked(this.#parts.tm.database)
    if (!this.#independent) assertNoTransaction(this.gid)
    this.#phase = 'submitting'
    try {
      await this.#parts.tm.submit(await this.#draft.record())
      this.#phase = 'submitted'
      return { gid: this.gid, submitted: true }
    } catch (error) {
      // Repeatable: the record keeps its gid and content, by which the repeat is recognised.
      this.#phase = 'new'
      throw error
    }
  }

  async #submitIfCommitted(): Promise<boolean> {
    const { job, binding } = this.#bound!
    let outcome
    try {
      outcome = await this.#context!.database.barrier.resolve(barrierKey(job))
    } catch (error) {
      if (isSteppingError(error, 'BARRIER_UNDECIDED')) {
        throw this.#error(
          'TRANSACTION_NOT_COMMITTED',
          'is tied to a transaction that is still open, or whose database is too busy to tell: call submit() after its commit, or once more',
          error,
        )
      }
      if (isSteppingError(error, 'BARRIER_EXPIRED')) throw error
      // It may well have committed, so the caller must not take this for a failed job.
      this.#parts.report({ type: 'job.submitDeferred', gid: this.gid, error: toError(error) })
      return false
    }
    if (outcome === 'committed') return await binding.committed()
    binding.notCommitted()
    throw this.#error(
      'TRANSACTION_ROLLED_BACK',
      'is tied to a transaction that did not commit: its steps will never run',
    )
  }

  #assertHasSteps(): void {
    if (this.#draft.isEmpty)
      throw this.#error('JOB_NO_STEPS', 'has no steps: add at least one with addStep')
  }

  #assertPhase(wanted: 'new' | 'prepared'): void {
    const phase = this.#phase
    if (phase === wanted) return
    if (phase === 'failed') {
      throw this.#error(
        'TRANSACTION_UNUSABLE',
        'could not be tied to its transaction: roll that back and begin again with a new job',
      )
    }
    if (phase === 'submitting' || phase === 'submitted') {
      throw this.#context && wanted === 'new'
        ? this.#error('JOB_ALREADY_PREPARED', 'was prepared already')
        : this.#error('JOB_ALREADY_SUBMITTED', 'was submitted already')
    }
    throw wanted === 'prepared'
      ? this.#error(
          'JOB_NOT_PREPARED',
          'is not prepared: await prepareAndInsertBarrier() inside the transaction first',
        )
      : this.#error('JOB_ALREADY_PREPARED', 'was prepared already')
  }

  #error(code: SteppingError['code'], text: string, cause?: unknown): SteppingError {
    return new SteppingError(code, `Job ${this.gid} ${text}.`, {
      gid: this.gid,
      ...(cause === undefined ? {} : { cause }),
    })
  }
}
