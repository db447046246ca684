import { SteppingError } from './errors.ts'
import type { DatabaseIdentity } from './db-context.ts'
import { assertGid, newGid } from './gid.ts'
import { encodeJson } from './json.ts'
import { safeAge } from './safe-age.ts'
import { describeIssues, isPending } from './standard-schema.ts'
import type { SchemaResult } from './standard-schema.ts'
import type { StepRegistry } from './step-registry.ts'
import type { AnyStep, Step, StepArgs } from './step.ts'
import type { JobRecord, StepRecord, TmOptions } from './transaction-manager.ts'

/** A job while its steps are collected: all that a transaction's callback gets to see of it. */
export interface JobSteps {
  readonly gid: string
  /**
   * Appends a step. Its args are checked and encoded now.
   *
   * @throws SteppingError `STEP_UNKNOWN`, `ARGS_INVALID`, `ARGS_NOT_JSON`, `ARGS_TOO_LARGE`,
   * `JOB_FROZEN` once the job was sent, `JOB_ABANDONED` when the callback was run again.
   */
  addStep<Input>(step: Step<Input, never>, ...args: StepArgs<NoInfer<Input>>): this
}

/** The most that the args of one step may take as JSON, in bytes. */
export const maxArgsBytes: number = 1024 * 1024

export interface DraftOptions {
  readonly app: string
  readonly registry: StepRegistry
  readonly gid?: string | undefined
  readonly tmOptions?: TmOptions | undefined
  /** Told the gid when the record is made: from then on there is a job. */
  readonly onSend?: (gid: string) => void
}

/** Collects the steps of one job and turns them, once, into the record that is sent. */
export class JobDraft implements JobSteps {
  readonly gid: string
  /** See `JobRecord.notAfter`. */
  readonly notAfter: number = Date.now() + safeAge.jobWindowMs
  readonly #options: DraftOptions
  readonly #steps: StepRecord[] = []
  readonly #checks: Promise<void>[] = []
  #frozen: 'sent' | 'callback over' | undefined
  #abandoned = false
  #record: JobRecord | undefined

  constructor(options: DraftOptions) {
    if (options.gid !== undefined) assertGid(options.gid)
    this.gid = options.gid ?? newGid()
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#steps.length === 0
  }

  addStep<Input>(step: Step<Input, never>, ...[args]: StepArgs<NoInfer<Input>>): this {
    if (this.#abandoned) {
      throw this.#error(
        'JOB_ABANDONED',
        'belongs to a run of the callback that was given up; the library ran it again with a new job',
      )
    }
    if (this.#frozen !== undefined) {
      throw this.#error(
        'JOB_FROZEN',
        this.#frozen === 'sent'
          ? 'was sent already: its steps cannot change any more. Create another job'
          : 'was given a step after the callback of its transaction was over. Await everything in the callback that adds steps; for steps after it create another job',
      )
    }
    this.#options.registry.assertRegistered(step)
    this.#check(step, args)
    this.#steps.push(recordOf(step, args))
    return this
  }

  /** The library runs the callback again: this job is not to be used any more. */
  abandon(): void {
    this.#abandoned = true
  }

  /** The callback that was given this job is over: a later step would be lost. */
  endOfCallback(): void {
    this.#frozen ??= 'callback over'
  }

  /**
   * The record to send: made once, so that every send has the same content.
   *
   * @throws SteppingError `JOB_NO_STEPS`; `ARGS_INVALID` from schemas that check asynchronously.
   */
  async record(to: { database?: DatabaseIdentity; byHand?: boolean } = {}): Promise<JobRecord> {
    if (this.isEmpty)
      throw this.#error('JOB_NO_STEPS', 'has no steps: add at least one with addStep')
    this.#frozen ??= 'sent'
    await Promise.all(this.#checks)
    if (this.#record) return this.#record
    this.#record = {
      gid: this.gid,
      app: this.#options.app,
      steps: this.#steps,
      ...(to.database && { database: to.database }),
      notAfter: this.notAfter,
      callerGid: this.#options.gid !== undefined,
      byHand: to.byHand ?? false,
      ...(this.#options.tmOptions && { options: this.#options.tmOptions }),
    }
    this.#options.onSend?.(this.gid)
    return this.#record
  }

  #check(step: AnyStep<never>, args: unknown): void {
    if (!step.schema) {
      if (args === undefined) return
      throw this.#error('ARGS_INVALID', `gives args to step ${step.name}, which takes none`)
    }
    const result = step.schema['~standard'].validate(args)
    if (!isPending(result)) return this.#assertValid(step, result)
    const check = Promise.resolve(result).then((settled) => this.#assertValid(step, settled))
    // Awaited at the first send; until then a failed check must not count as unhandled.
    check.catch(() => {})
    this.#checks.push(check)
  }

  #assertValid(step: AnyStep<never>, result: SchemaResult<unknown>): void {
    if (!result.issues) return
    throw this.#error(
      'ARGS_INVALID',
      `has wrong args for step ${step.name}: ${describeIssues(result.issues)}`,
    )
  }

  #error(code: SteppingError['code'], text: string): SteppingError {
    return new SteppingError(code, `Job ${this.gid} ${text}.`, { gid: this.gid })
  }
}

function recordOf(step: AnyStep<never>, args: unknown): StepRecord {
  if (args === undefined) return { name: step.name }
  const json = encodeJson(args, `The args of step ${step.name}`)
  // No more than three bytes of UTF-8 for each code unit: most args need not be counted.
  const bytes = json.length * 3 <= maxArgsBytes ? 0 : new TextEncoder().encode(json).byteLength
  if (bytes <= maxArgsBytes) return { name: step.name, args: json }
  throw new SteppingError(
    'ARGS_TOO_LARGE',
    `The args of step ${step.name} take ${bytes} bytes as JSON, the limit is ${maxArgsBytes}. Store the data yourself and pass its id.`,
  )
}
