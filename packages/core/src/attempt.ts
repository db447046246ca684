import { SteppingError } from './errors.ts'
import type { Deadlines } from './deadlines.ts'
import { toError } from './event.ts'
import { onceFor, onceNotAwaited } from './once.ts'
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
 * Runs the step once; resolves with the error it ended with, if any. When its time is up and it does
 * not obey its signal it may still be running then.
 */
export function attempt(
  parts: AttemptParts,
  step: AnyStep<never>,
  call: StepCall,
): Promise<Error | undefined> {
  return new Promise((resolve) => void new Attempt(parts, step, call, resolve).run())
}

class Attempt {
  readonly #parts: AttemptParts
  readonly #step: AnyStep<never>
  readonly #call: StepCall
  readonly #resolve: (error: Error | undefined) => void
  readonly #time = new AbortController()

  constructor(
    parts: AttemptParts,
    step: AnyStep<never>,
    call: StepCall,
    resolve: (error: Error | undefined) => void,
  ) {
    this.#parts = parts
    this.#step = step
    this.#call = call
    this.#resolve = resolve
  }

  async run(): Promise<void> {
    const { deadlines } = this.#parts
    deadlines.set(this, performance.now() + this.#step.timeoutMs)
    let endedWith: Error | undefined
    try {
      await this.#runStep()
    } catch (thrown) {
      endedWith = asError(this.#step, thrown)
    }
    deadlines.delete(this)
    const { aborted, reason } = this.#time.signal
    // It timed out, however it ended then: an AbortError says less than the timeout.
    this.#resolve(endedWith && aborted ? toError(reason) : endedWith)
  }

  onDeadline(): void {
    const { deadlines } = this.#parts
    const { name, timeoutMs } = this.#step
    const { gid } = this.#call
    const { signal } = this.#time
    if (signal.aborted) {
      this.#parts.report({ type: 'step.overran', gid, step: name })
      return this.#resolve(toError(signal.reason))
    }
    deadlines.set(this, performance.now() + Math.min(toObeyMs, timeoutMs))
    this.#time.abort(
      new SteppingError(
        'STEP_TIMEOUT',
        `Step ${name} did not end within ${timeoutMs} ms. Raise its timeoutMs, or pass its signal on to what it waits for.`,
        { gid },
      ),
    )
  }

  async #runStep(): Promise<void> {
    const [step, call] = [this.#step, this.#call]
    call.signal.throwIfAborted()
    const checked = checkedArgs(step, call)
    const args = checked instanceof Promise ? await checked : checked
    const { once, end } = onceFor(this.#parts, call, onceOwner(this.#parts.owner, call.caller))
    const context: Omit<StepContext<never, never>, 'signal'> = {
      args: args as never,
      gid: call.gid,
      index: call.index,
      attempt: call.attempt,
      idempotencyKey: idempotencyKeyOf(call),
      services: this.#parts.services as never,
      once,
    }
    try {
      await step.run(withSignal(context, call.signal, this.#time.signal))
    } catch (error) {
      await end()
      throw error
    }
    const open = end()
    if (open) throw onceNotAwaited(call, 'returned while a once of it was open', (await open).error)
  }
}

/** Most steps do not ask for it, and to make it costs more than all else of an attempt. */
function withSignal(
  context: Omit<StepContext<never, never>, 'signal'>,
  ...signals: AbortSignal[]
): StepContext<never, never> {
  let signal: AbortSignal | undefined
  // A getter in the object's literal would take five times as long.
  return Object.defineProperty(context, 'signal', {
    get: () => (signal ??= AbortSignal.any(signals)),
    enumerable: true,
  }) as StepContext<never, never>
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
