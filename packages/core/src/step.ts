import type { Database } from './db-context.ts'
import type { JobSteps } from './job.ts'
import { assertNumber, invalidOption } from './option.ts'
import type { Backoff } from './retry-policy.ts'
import type { StandardSchema } from './standard-schema.ts'

/** What a step's `run` is given. */
export interface StepContext<Args = unknown, Services = unknown> {
  /** As the schema returned them; without a schema, as they were stored. */
  readonly args: Args
  /** The job's global id: the same in every attempt of every step of the job. */
  readonly gid: string
  /** The position of this step in its job, from 0. */
  readonly index: number
  /** 1 in the first attempt of this step. */
  readonly attempt: number
  /** `<gid>/<index>`, behind `<caller>/` where another program has the job: hand it to a service that drops repeated requests. */
  readonly idempotencyKey: string
  /**
   * Aborts when this attempt should stop: its time is up, its lease is lost, or the app is
   * closing. Pass it on to fetch and to drivers. An attempt that goes on anyway overlaps with the
   * next one.
   */
  readonly signal: AbortSignal
  /** What `createStepping({ services })` was given. */
  readonly services: Services
  /**
   * Runs `work` in a transaction of `database` that also records that this step did it, so that a
   * repeated step has its effect there exactly once. A repeat does not call `work`: it returns the
   * value that the first run stored (through JSON). A job given steps through `job` is tied to the
   * same transaction.
   *
   * Await it: a step that returns while one is open has failed, with `ONCE_NOT_AWAITED`.
   *
   * @throws SteppingError `ONCE_KEY_REUSED` for a second use in one attempt without a `key` of its
   * own; `ONCE_EXPIRED` when the attempt began more than an hour ago; whatever `work` threw.
   */
  readonly once: <Tx, R>(
    database: Database<Tx>,
    work: (tx: Tx, job: JobSteps) => Promise<R>,
    options?: { readonly key?: string },
  ) => Promise<OnceResult<R>>
}

/** `ran` says whether this call did it (true) or an earlier attempt had (false). */
export interface OnceResult<R> {
  readonly ran: boolean
  readonly value: R
}

export interface StepOptions<Args, Input, Services> {
  /** Stored with every job: letters, digits and `_ . : -`, at most 100. It survives minifying; to rename, keep the old name in `aliases`. */
  readonly name: string
  /** Names this step had before: jobs stored under them still run. */
  readonly aliases?: readonly string[]
  /**
   * Any Standard Schema. The input is stored and is checked when the step is added and again
   * before each run, so a schema that makes up values (a random default) makes new ones each time.
   */
  readonly args?: StandardSchema<Input, Args>
  /** When one attempt counts as failed, in milliseconds. Default 300,000 (5 minutes). */
  readonly timeoutMs?: number
  /** After this many failed attempts the job is parked. Default: never, it is retried until it succeeds. */
  readonly maxAttempts?: number
  readonly backoff?: Backoff
  /** Does the step's work. Rejecting or throwing means: try again. It must bear being run more than once. */
  readonly run: (context: StepContext<Args, Services>) => unknown
}

declare const input: unique symbol

/** A definition made by `defineStep`: what `createStepping` registers and `addStep` names. */
export interface Step<Input = void, Services = unknown> {
  readonly name: string
  readonly aliases: readonly string[]
  readonly schema?: StandardSchema<Input, unknown>
  readonly timeoutMs: number
  readonly maxAttempts: number
  readonly backoff: Backoff
  readonly run: (context: StepContext<never, Services>) => unknown
  /** Carries the type of the args, never a value. */
  readonly [input]?: Input
}

/** A step of any args, as lists of steps hold it. */
export type AnyStep<Services = unknown> = Step<unknown, Services>

/** What `addStep` takes after the step: nothing for a step without args, else its args. */
export type StepArgs<Input> = unknown extends Input
  ? [args?: Input]
  : [Input] extends [void]
    ? []
    : undefined extends Input
      ? [args?: Input]
      : [args: Input]

/**
 * Defines a step. Without `args` it takes none.
 *
 * @example
 * const shipOrder = defineStep({
 *   name: 'ShipOrder',
 *   args: z.object({ orderId: z.string() }),
 *   async run({ args, idempotencyKey }) { await carrier.ship(args.orderId, idempotencyKey) },
 * })
 * @throws SteppingError `OPTIONS_INVALID` for an unusable name or option.
 */
export function defineStep<Args = void, Input = Args, Services = unknown>(
  options: StepOptions<Args, Input, Services>,
): Step<Input, Services> {
  const { name, aliases = [], args, run } = options
  const { timeoutMs = 300_000, maxAttempts = Infinity, backoff = {} } = options
  const step = {
    name,
    aliases,
    timeoutMs,
    maxAttempts,
    backoff,
    run,
    ...(args && { schema: args }),
  }
  assertUsable(step)
  return step
}

function assertUsable({ name, aliases, schema, ...step }: AnyStep<never>): void {
  if (!isName(name)) throw invalidOption('defineStep', 'name', name, aName)
  const owner = `step ${name}`
  const alias = Array.isArray(aliases) ? aliases.find((each) => !isName(each)) : aliases
  if (alias !== undefined) throw invalidOption(owner, 'one of aliases', alias, aName)
  assertNumber(owner, 'timeoutMs', step.timeoutMs, { to: Infinity })
  assertNumber(owner, 'maxAttempts', step.maxAttempts, { from: 1, to: Infinity, whole: true })
  for (const [option, value] of Object.entries(step.backoff)) {
    assertNumber(owner, `backoff.${option}`, value)
  }
  if (typeof step.run !== 'function') throw invalidOption(owner, 'run', step.run, 'a function')
  if (!schema || typeof schema['~standard']?.validate === 'function') return
  throw invalidOption(owner, 'args', schema, 'a Standard Schema, of zod for example')
}

const aName = `1 to 100 letters, digits, '_', '.', ':' or '-'`

function isName(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9_.:-]{1,100}$/.test(value)
}

/** Whether this is what `defineStep` makes: an import cycle, or a name, is not. */
export function isStep(value: unknown): boolean {
  const { name, run } = (value ?? {}) as Partial<AnyStep>
  return typeof name === 'string' && typeof run === 'function'
}

/**
 * `defineStep` with the type of the services that `createStepping({ services })` will then require.
 *
 * @example
 * const { defineStep } = stepsFor<{ mailer: Mailer }>()
 */
export function stepsFor<Services>(): {
  defineStep: <Args = void, Input = Args>(
    options: StepOptions<Args, Input, Services>,
  ) => Step<Input, Services>
} {
  return { defineStep: (options) => defineStep(options) }
}
