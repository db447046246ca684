import { SteppingError, isSteppingError } from './errors.ts'
import { toError } from './event.ts'
import type { SteppingEvent } from './event.ts'
import type { DatabaseRegistry } from './database-registry.ts'
import { onceFor, onceNotAwaited } from './once.ts'
import { printValue } from './print-value.ts'
import { retryDelayMs } from './retry-policy.ts'
import { safeAge } from './safe-age.ts'
import { idempotencyKeyOf, onceOwner } from './step-scope.ts'
import { describeIssues } from './standard-schema.ts'
import type { StepRegistry } from './step-registry.ts'
import type { AnyStep } from './step.ts'
import type { FailedOutcome, Participant, StepCall } from './transaction-manager.ts'
import type { TransactionParts } from './transaction.ts'

export interface ParticipantParts extends TransactionParts {
  readonly app: string
  readonly registry: StepRegistry
  readonly databases: DatabaseRegistry
  readonly services: unknown
  /** See `OnceKey.owner`. */
  readonly owner: string
}

/**
 * Stored args that an older process cannot read may be fine for a newer one: this many attempts
 * (about half a minute) go back before the job is parked.
 */
const invalidArgsAttempts = 6

/** Not the same error when a step throws it: there it says something about another job's args. */
const invalidStoredArgs = new WeakSet<Error>()

/** What a transaction manager calls back: makes attempts of steps and answers query prepared. */
export function createParticipant(parts: ParticipantParts): Participant {
  return {
    app: parts.app,
    owner: parts.owner,
    stepNames: parts.registry.names,
    get databases() {
      return parts.databases.known
    },
    report: (event: SteppingEvent) => parts.report(event),
    runStep: async (call) => {
      let step: AnyStep<never>
      try {
        step = parts.registry.get(call.name)
      } catch (error) {
        return {
          done: false,
          error: toError(error),
          interrupted: true,
          park: false,
          retryInMs: retryDelayMs(call.attempt),
        }
      }
      const notMade = cutOff(step, call)
      const error = notMade ?? (await attempt(parts, step, call))
      if (!error) return { done: true }
      const outcome = failureOf(step, call, error)
      if (!outcome.interrupted) {
        const nextTryInMs = (await call.nextTryInMs?.(outcome)) ?? outcome.retryInMs
        parts.report({
          type: 'step.failed',
          gid: call.gid,
          step: call.name,
          index: call.index,
          attempt: notMade ? call.attempt - 1 : call.attempt,
          error,
          retryInMs: outcome.park ? null : nextTryInMs,
        })
      }
      return outcome
    },
    queryPrepared: async ({ gid, database }) => {
      if (!database) return 'committed'
      const { barrier } = await parts.databases.find(database)
      return await barrier.resolve({
        gid,
        identity: database.identity,
        notAfter: Date.now() + safeAge.jobWindowMs,
      })
    },
  }
}

/** Runs the step once; resolves with the error it ended with, if any. */
async function attempt(
  parts: ParticipantParts,
  step: AnyStep<never>,
  call: StepCall,
): Promise<Error | undefined> {
  const time = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const endedWith = await new Promise<Error | undefined>((resolve) => {
    runStep(parts, step, call, time).then(
      () => resolve(undefined),
      (thrown: unknown) => resolve(asError(step, thrown)),
    )
    timer = setTimeout(
      () => {
        const error = new SteppingError(
          'STEP_TIMEOUT',
          `Step ${step.name} did not end within ${step.timeoutMs} ms. Raise its timeoutMs, or pass its signal on to what it waits for.`,
          { gid: call.gid },
        )
        time.abort(error)
        // A step that obeys its signal gets a moment to end before the attempt is given up.
        timer = setTimeout(
          () => {
            parts.report({ type: 'step.overran', gid: call.gid, step: step.name })
            resolve(error)
          },
          Math.min(1_000, step.timeoutMs),
        )
      },
      Math.min(step.timeoutMs, 2 ** 31 - 1),
    )
  })
  clearTimeout(timer)
  // It timed out, however it ended then: an AbortError says less than the timeout.
  return endedWith && time.signal.aborted ? toError(time.signal.reason) : endedWith
}

async function runStep(
  parts: ParticipantParts,
  step: AnyStep<never>,
  call: StepCall,
  time: AbortController,
): Promise<void> {
  call.signal.throwIfAborted()
  const args = step.schema ? await checkedArgs(step, step.schema, call) : storedArgs(step, call)
  const { once, end } = onceFor(parts, call, onceOwner(parts.owner, call.caller))
  let signal: AbortSignal | undefined
  try {
    await step.run({
      args: args as never,
      gid: call.gid,
      index: call.index,
      attempt: call.attempt,
      idempotencyKey: idempotencyKeyOf(call),
      // Most steps do not ask for it, and it costs more than all else here.
      get signal() {
        return (signal ??= AbortSignal.any([call.signal, time.signal]))
      },
      services: parts.services as never,
      once,
    })
  } catch (error) {
    await end()
    throw error
  }
  const { wasOpen, error } = await end()
  if (wasOpen) throw onceNotAwaited(call, 'returned while a once of it was open', error)
}

function storedArgs(step: AnyStep<never>, call: StepCall): unknown {
  try {
    return call.args === undefined ? undefined : JSON.parse(call.args)
  } catch (cause) {
    throw invalidArgs(step, call, 'they are not JSON', cause)
  }
}

async function checkedArgs(
  step: AnyStep<never>,
  schema: NonNullable<AnyStep['schema']>,
  call: StepCall,
): Promise<unknown> {
  const result = await schema['~standard'].validate(storedArgs(step, call))
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

/** A step that kills its process ends no attempt: when all are used up, one more would cost another process. */
function cutOff(step: AnyStep<never>, call: StepCall): Error | undefined {
  if (call.afterCutOff !== true || call.attempt <= step.maxAttempts) return undefined
  const { gid } = call
  return new SteppingError(
    'LEASE_LOST',
    `Step ${step.name} was begun ${times(call.attempt - 1)}, and the last time it was cut off: its process died or lost the job. Find out why, then call stepping.jobs.retry('${gid}').`,
    { gid },
  )
}

function times(count: number): string {
  return count === 1 ? '1 time' : `${count} times`
}

function failureOf(step: AnyStep<never>, call: StepCall, error: Error): FailedOutcome {
  const wanted = isSteppingError(error, 'STEP_RETRY') ? error.retryAfterMs : undefined
  const limit = invalidStoredArgs.has(error)
    ? Math.min(invalidArgsAttempts, step.maxAttempts)
    : step.maxAttempts
  return {
    done: false,
    error,
    interrupted: call.signal.aborted,
    park: isSteppingError(error, 'STEP_PARKED') || (wanted === undefined && call.attempt >= limit),
    retryInMs: wanted ?? retryDelayMs(call.attempt, step.backoff),
  }
}

function asError(step: AnyStep<never>, thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  return new SteppingError(
    'STEP_THREW_NON_ERROR',
    `Step ${step.name} threw ${printValue(thrown)}, which is not an Error and carries no stack. Throw an Error.`,
    { cause: thrown },
  )
}
