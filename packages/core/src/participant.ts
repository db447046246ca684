import { attempt, isOfStoredArgs } from './attempt.ts'
import type { AttemptParts } from './attempt.ts'
import type { DatabaseRegistry } from './database-registry.ts'
import { Deadlines } from './deadlines.ts'
import { SteppingError, isSteppingError } from './errors.ts'
import { toError } from './event.ts'
import type { SteppingEvent } from './event.ts'
import { retryDelayMs } from './retry-policy.ts'
import { safeAge } from './safe-age.ts'
import type { StepRegistry } from './step-registry.ts'
import type { AnyStep } from './step.ts'
import type { FailedOutcome, Participant, StepCall, StepOutcome } from './transaction-manager.ts'

export interface ParticipantParts extends Omit<AttemptParts, 'deadlines'> {
  readonly app: string
  readonly registry: StepRegistry
  readonly databases: DatabaseRegistry
}

/**
 * Stored args that an older process cannot read may be fine for a newer one: this many attempts
 * (about half a minute) go back before the job is parked.
 */
const invalidArgsAttempts = 6

/** One for all steps that go well, which are many: no promise is made for them beside the attempt's. */
const done = { done: true } as const

/** What a transaction manager calls back: makes attempts of steps and answers query prepared. */
export function createParticipant(given: ParticipantParts): Participant {
  const parts = { ...given, deadlines: new Deadlines() }
  async function failed(
    step: AnyStep<never>,
    call: StepCall,
    error: Error,
    attemptsMade: number,
  ): Promise<StepOutcome> {
    const outcome = failureOf(step, call, error)
    if (!outcome.interrupted) {
      const nextTryInMs = (await call.nextTryInMs?.(outcome)) ?? outcome.retryInMs
      parts.report({
        type: 'step.failed',
        gid: call.gid,
        step: call.name,
        index: call.index,
        attempt: attemptsMade,
        error,
        retryInMs: outcome.park ? null : nextTryInMs,
      })
    }
    return outcome
  }

  return {
    app: parts.app,
    owner: parts.owner,
    stepNames: parts.registry.names,
    get databases() {
      return parts.databases.known
    },
    report: (event: SteppingEvent) => parts.report(event),
    runStep: (call) => {
      let step: AnyStep<never>
      try {
        step = parts.registry.get(call.name)
      } catch (error) {
        return Promise.resolve({
          done: false,
          error: toError(error),
          interrupted: true,
          park: false,
          retryInMs: retryDelayMs(call.attempt),
        })
      }
      const notMade = cutOff(step, call)
      if (notMade) return failed(step, call, notMade, call.attempt - 1)
      return attempt(parts, step, call, (error) =>
        error ? failed(step, call, error, call.attempt) : done,
      )
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

/** A step that kills its process ends no attempt: when all are used up, one more would cost another process. */
function cutOff(step: AnyStep<never>, call: StepCall): Error | undefined {
  if (call.afterCutOff !== true || call.attempt <= step.maxAttempts) return undefined
  const { gid } = call
  return new SteppingError(
    'LEASE_LOST',
    `Step ${step.name} was taken on ${times(call.attempt - 1)}, and the last time it was cut off: its process died or lost the job. Find out why, then call stepping.jobs.retry('${gid}').`,
    { gid },
  )
}

function times(count: number): string {
  return count === 1 ? '1 time' : `${count} times`
}

function failureOf(step: AnyStep<never>, call: StepCall, error: Error): FailedOutcome {
  const wanted = isSteppingError(error, 'STEP_RETRY') ? error.retryAfterMs : undefined
  const limit = isOfStoredArgs(error)
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
