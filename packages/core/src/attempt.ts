import { SteppingError } from './errors.ts'
import { Waiting } from './deadlines.ts'
import type { Deadlines } from './deadlines.ts'
import { LateAbort } from './late-abort.ts'
import { AttemptOnce, onceNotAwaited } from './once.ts'
import { printValue } from './print-value.ts'
import { describeIssues, isPending } from './standard-schema.ts'
import type { SchemaResult } from './standard-schema.ts'
import { idempotencyKeyOf, onceOwner } from './step-scope.ts'
import type { AnyStep, StepContext } from './step.ts'
import type { StepCall } from './transaction-manager.ts'
import type { TransactionParts } from './transaction.ts'

export interface AttemptParts extends TransactionParts {
  readonly services: unknown
  /** See `OnceKey.owner`. */
  readonly owner: string
  readonly deadlines: Deadlines
}

/** A step that obeys its signal gets this long to end before the attempt is given up. */
const toObeyMs = 1_000

/** Not the same error when a step throws it: there it says something about another job's args. */
const invalidStoredArgs = new WeakSet<Error>()

/** The stored args did not fit the step: a newer process may be able to read them. */
export function isOfStoredArgs(error: Error): boolean {
  return invalidStoredArgs.has(error)
}

/**
 * Runs the step once; resolves with what becomes of the error it ended with, if any. When its time is up and it does
 * not obey its signal it may still be running then.
 */
export function attempt<R>(
  parts: AttemptParts,
  step: AnyStep<never>,
  call: StepCall,
  outcome: (error: Error | undefined) => R | Promise<R>,
): Promise<R> {
  return new Promise((resolve) => {
    void new Attempt(parts, step, call, (error) => resolve(outcome(error))).run()
  })
}

/** There are many: what most steps do not ask for is made when one does. */
class Attempt extends Waiting {
  readonly #parts: AttemptParts
  readonly #step: AnyStep<never>
  readonly #call: StepCall
  readonly #resolve: (error: Error | undefined) => void
  readonly #begunAt = Date.now()
  /** Its time is up. */
  readonly #timeout = new LateAbort()
  #signal: AbortSignal | undefined
  #once: AttemptOnce | undefined
  #isOver = false
  #isTold = false

  constructor(
    parts: AttemptParts,
    step: AnyStep<never>,
    call: StepCall,
    resolve: (error: Error | undefined) => void,
  ) {
    super()
    this.#parts = parts
    this.#step = step
    this.#call = call
    this.#resolve = resolve
  }

  async run(): Promise<void> {
    const step = this.#step
    const call = this.#call
    const { deadlines } = this.#parts
    let endedWith: Error | undefined
    // What a step enters before it first waits, such as a context of AsyncLocalStorage, must not be around its caller,
    // which goes on with other jobs.
    await Promise.resolve()
    deadlines.set(this, performance.now() + step.timeoutMs)
    try {
      // Asked as late as that: what was begun before it in this turn may have taken longer than a lease.
      if (call.isStopped ?? call.signal.aborted) call.signal.throwIfAborted()
      const checked = checkedArgs(step, call)
      const args = checked instanceof Promise ? await checked : checked
      await step.run(this.#contextOf(args as never))
      const open = this.#endOnce()
      if (open)
        throw onceNotAwaited(call, 'returned while a once of it was open', (await open).error)
    } catch (thrown) {
      await this.#endOnce()
      endedWith = asError(step, thrown)
    }
    deadlines.delete(this)
    // It timed out, however it ended then: an AbortError says less than the timeout.
    this.#tell(endedWith && (this.#timeout.reason ?? endedWith))
  }

  onDeadline(): void {
    const { deadlines } = this.#parts
    const { name, timeoutMs } = this.#step
    const { gid } = this.#call
    if (this.#timeout.reason) {
      this.#parts.report({ type: 'step.overran', gid, step: name })
      return this.#tell(this.#timeout.reason)
    }
    deadlines.set(this, performance.now() + Math.min(toObeyMs, timeoutMs))
    this.#timeout.abort(
      new SteppingError(
        'STEP_TIMEOUT',
        `Step ${name} did not end within ${timeoutMs} ms. Raise its timeoutMs, or pass its signal on to what it waits for.`,
        { gid },
      ),
    )
  }

  /** One that was given up may end all the same, long after. */
  #tell(endedWith: Error | undefined): void {
    if (!this.#isTold) this.#resolve(endedWith)
    this.#isTold = true
  }

  #contextOf(args: never): LazyContext {
    const call = this.#call
    const context: { -readonly [K in Exclude<keyof LazyContext, 'signal'>]: LazyContext[K] } = {
      args,
      gid: call.gid,
      index: call.index,
      attempt: call.attempt,
      idempotencyKey: idempotencyKeyOf(call),
      services: this.#parts.services as never,
      once: ((database, work, options) =>
        this.#usedOnce().use(database, work, options)) as LazyContext['once'],
    }
    context.once[attemptOf] = this
    return Object.defineProperty(context, 'signal', signalProperty) as unknown as LazyContext
  }

  get signal(): AbortSignal {
    return (this.#signal ??= AbortSignal.any([this.#call.signal, this.#timeout.signal]))
  }

  #usedOnce(): AttemptOnce {
    if (this.#once) return this.#once
    const owner = onceOwner(this.#parts.owner, this.#call.caller)
    this.#once = new AttemptOnce(this.#parts, this.#call, owner, this.#begunAt)
    if (this.#isOver) void this.#once.end()
    return this.#once
  }

  /** See `AttemptOnce.end`. */
  #endOnce(): ReturnType<AttemptOnce['end']> {
    this.#isOver = true
    return this.#once?.end()
  }
}

const attemptOf = Symbol('attempt')

/** Its `once` knows the attempt, also in a copy of the context, or where something stands around it. */
interface LazyContext extends StepContext<never, never> {
  readonly once: StepContext['once'] & { [attemptOf]: Attempt }
}

/** One for all, so that contexts have one shape: with a getter of its own, each would be a dictionary. */
const signalProperty = {
  enumerable: true,
  get(this: LazyContext): AbortSignal {
    return this.once[attemptOf].signal
  },
}

/** A promise only where the schema checks asynchronously. */
function checkedArgs(step: AnyStep<never>, call: StepCall): unknown {
  const args = storedArgs(step, call)
  if (!step.schema) return args
  const result = step.schema['~standard'].validate(args)
  return isPending(result)
    ? Promise.resolve(result).then((settled) => validArgs(step, call, settled))
    : validArgs(step, call, result)
}

function storedArgs(step: AnyStep<never>, call: StepCall): unknown {
  try {
    return call.args === undefined ? undefined : JSON.parse(call.args)
  } catch (cause) {
    throw invalidArgs(step, call, 'they are not JSON', cause)
  }
}

function validArgs(step: AnyStep<never>, call: StepCall, result: SchemaResult<unknown>): unknown {
  if (!result.issues) return result.value
  throw invalidArgs(step, call, describeIssues(result.issues))
}

function invalidArgs(
  step: AnyStep<never>,
  { gid }: StepCall,
  why: string,
  cause?: unknown,
): SteppingError {
  const error = new SteppingError(
    'ARGS_INVALID',
    `The stored args of step ${step.name} do not fit its schema any more: ${why}.`,
    cause === undefined ? { gid } : { gid, cause },
  )
  invalidStoredArgs.add(error)
  return error
}

function asError(step: AnyStep<never>, thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  return new SteppingError(
    'STEP_THREW_NON_ERROR',
    `Step ${step.name} threw ${printValue(thrown)}, which is not an Error and carries no stack. Throw an Error.`,
    { cause: thrown },
  )
}
