import { SteppingError } from './errors.ts'
import { assertNumber } from './option.ts'

/** So far every database can count. */
const hundredYearsMs = 3_155_760_000_000

/**
 * Ends the step that calls it, by throwing: it is not tried again, a person has to look. The job is
 * parked with this message.
 */
export function parkJob(reason: string, options: { cause?: unknown } = {}): never {
  throw new SteppingError('STEP_PARKED', reason, options)
}

/**
 * Ends the step that calls it, by throwing, because it is not ready yet: it is tried again after
 * `afterMs` instead of the usual backoff. A time in the past means at once.
 */
export function retryLater(afterMs: number, reason = 'not yet'): never {
  const retryAfterMs = typeof afterMs === 'number' ? Math.max(0, afterMs) : afterMs
  assertNumber('retryLater', 'afterMs', retryAfterMs, { from: 0, to: hundredYearsMs })
  throw new SteppingError('STEP_RETRY', reason, { retryAfterMs })
}
