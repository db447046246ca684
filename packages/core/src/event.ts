import type { Logger } from './logger.ts'
import { printValue } from './print-value.ts'

/** What `onEvent` is told and the log prints, each as it happens. */
export type SteppingEvent =
  /** `retryInMs` is null when there will be no further attempt: the job is parked. */
  | {
      readonly type: 'step.failed'
      readonly gid: string
      readonly step: string
      readonly index: number
      readonly attempt: number
      readonly error: Error
      readonly retryInMs: number | null
    }
  /** Jobs wait for steps of these names and no process seems to know them. */
  | { readonly type: 'step.unknown'; readonly step: string; readonly advice: string }
  /** An attempt's time was up and it ignored its signal: it may overlap with the next one. */
  | { readonly type: 'step.overran'; readonly gid: string; readonly step: string }
  | { readonly type: 'job.finished'; readonly gid: string }
  | { readonly type: 'job.rolledBack'; readonly gid: string }
  /** Its transaction was reported as committed and its row is not there: a roll-back went unnoticed. */
  | { readonly type: 'job.missing'; readonly gid: string }
  | {
      readonly type: 'job.parked'
      readonly gid: string
      readonly step: string
      readonly error: Error
    }
  /** The transaction committed but the submit did not get through: query prepared will start the job. */
  | { readonly type: 'job.submitDeferred'; readonly gid: string; readonly error: Error }
  /** The transaction committed, and the transaction manager has given the job up all the same. */
  | { readonly type: 'job.lost'; readonly gid: string; readonly error: Error }
  /** A prepared job's transaction could not be asked. It stays prepared and is asked again. */
  | {
      readonly type: 'job.unresolved'
      readonly gid: string
      readonly error: Error
      readonly retryInMs: number
    }
  /** Another process may have the job now: what this attempt does counts for nothing any more. */
  | { readonly type: 'lease.lost'; readonly gid: string; readonly step: string }
  /** A transaction manager's callback was refused before any work: it may be forged. */
  | { readonly type: 'callback.refused'; readonly reason: string }
  /** Told once, not at every try, until `store.recovered`. */
  | { readonly type: 'store.failed'; readonly error: Error }
  | { readonly type: 'store.recovered'; readonly afterMs: number }
  /** Old rows could not be deleted. Told once, until it works again. */
  | { readonly type: 'prune.failed'; readonly error: Error }
  /** Jobs were added here, this process may execute, and `start()` was not called. */
  | { readonly type: 'start.forgotten'; readonly gid: string }

/** Hands an event to the log at the level it deserves. */
export function logEvent(logger: Logger, event: SteppingEvent): void {
  switch (event.type) {
    case 'step.failed': {
      const next =
        event.retryInMs === null ? 'not tried again' : `next try in ${seconds(event.retryInMs)}`
      return logger.warn(
        `job ${event.gid}: step ${event.index + 1} (${event.step}), attempt ${event.attempt} failed: ${describeError(event.error)}; ${next}`,
        event,
      )
    }
    case 'step.unknown':
      return logger.error(
        `jobs wait for the step ${event.step}, which no running process knows.${event.advice}`,
        event,
      )
    case 'step.overran':
      return logger.warn(
        `job ${event.gid}: step ${event.step} went on after its time was up and ignored its signal; its next attempt may overlap with it`,
        event,
      )
    case 'job.finished':
      return logger.debug(`job ${event.gid}: finished`, event)
    case 'job.rolledBack':
      return logger.debug(`job ${event.gid}: dropped, its transaction rolled back`, event)
    case 'job.missing':
      return logger.error(
        `job ${event.gid}: not stored, although its transaction was reported as committed; a statement or nested transaction in it failed and was not awaited`,
        event,
      )
    case 'job.parked':
      return logger.error(
        `job ${event.gid}: parked at step ${event.step}; when its cause is mended, call stepping.jobs.retry('${event.gid}')`,
        event,
      )
    case 'job.submitDeferred':
      return logger.warn(
        `job ${event.gid}: committed, but the submit did not get through (${describeError(event.error)}); the transaction manager will ask and start it`,
        event,
      )
    case 'job.lost':
      return logger.error(`job ${event.gid}: lost. ${describeError(event.error)}`, event)
    case 'job.unresolved':
      return logger.warn(
        `job ${event.gid}: its transaction could not be asked (${describeError(event.error)}); next try in ${seconds(event.retryInMs)}`,
        event,
      )
    case 'lease.lost':
      return logger.warn(
        `job ${event.gid}: this process lost its lease during step ${event.step}; another attempt takes over`,
        event,
      )
    case 'callback.refused':
      return logger.warn(`a callback was refused: ${event.reason}`, event)
    case 'store.failed':
      return logger.error(
        `the job store does not answer (${describeError(event.error)}); trying again until it does`,
        event,
      )
    case 'store.recovered':
      return logger.warn(`the job store answers again after ${seconds(event.afterMs)}`, event)
    case 'prune.failed':
      return logger.warn(
        `old rows could not be deleted (${describeError(event.error)}); that is tried again now and then`,
        event,
      )
    case 'start.forgotten':
      return logger.warn(
        'jobs were added but this process does not execute any: call await stepping.start(), or create it with execute: false if others do',
        event,
      )
  }
}

/**
 * An error on one line: its message and those of its causes, which alone say why a `fetch failed`.
 * Node's connection errors may have only a code, or errors inside. Drizzle's repeat the query with
 * its parameters, which may be secret: their cause says what failed.
 */
export function describeError(error: unknown): string {
  return describe(error, 0).slice(0, 500)
}

function describe(error: unknown, depth: number): string {
  if (!(error instanceof Error))
    return oneLine(typeof error === 'string' ? error : printValue(error))
  if (depth === deepest) return ''
  if ('query' in error && 'params' in error && error.cause !== undefined) {
    return describe(error.cause, depth + 1)
  }
  // A message that somebody assigned may be anything.
  const message: unknown = error.message
  const text = typeof message === 'string' ? oneLine(message) : `(${typeof message})`
  const inner: unknown = error.cause ?? (error instanceof AggregateError ? error.errors[0] : null)
  const cause = inner instanceof Error ? describe(inner, depth + 1) : ''
  if (text === '') return cause || codeOf(error)
  return text.includes(cause) ? text : `${text}: ${cause}`
}

/** Of the platform's own errors it is a number. */
function codeOf(error: Error): string {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' || typeof code === 'number' ? `${code}` : error.name
}

/** Causes of causes that a line has room for; some go round in a circle. */
const deepest = 5

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ')
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`
}

/** What was thrown, as an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describeError(thrown))
}
