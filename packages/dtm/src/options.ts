import { assertNumber, SteppingError } from '@stepping/core'
import { timingOf } from './job-options.ts'
import type { DtmJobOptions } from './job-options.ts'
import { hmacSigner, noSigner } from './signature.ts'
import type { Signer } from './signature.ts'

export type DtmOptions = {
  /** The HTTP address of the DTM server, or of what stands before several: `http://dtm:36789`. */
  readonly server: string
  /** Where DTM reaches `handler`: `http://shop:8080/stepping`. */
  readonly callbackUrl: string
  /** For all jobs, unless they say otherwise by `dtmOptions`. */
  readonly jobs?: DtmJobOptions
  /** How long one message to DTM may take. Default 5,000. */
  readonly requestTimeoutMs?: number
  /**
   * How long a call of DTM waits for the step that it began; longer ones go on, and DTM asks again.
   * Less than the jobs' `requestTimeoutMs`, by half a second at least. Default 2,000.
   */
  readonly answerWithinMs?: number
  /** Where DTM's wait between two tries stops to double. Default 300,000. */
  readonly longestRetryMs?: number
  /** How long a step that parked its job rests until it is tried again. Default 3,600,000 (an hour). */
  readonly parkedRetryMs?: number
  /** Attempts of steps that run at once in this process. Default 500. */
  readonly concurrency?: number
  /** How long `close()` lets running steps go on before it aborts their signals. Default 10,000. */
  readonly drainMs?: number
} & Authentication

type Authentication =
  | {
      /**
       * By which callbacks are signed: the first signs, all are believed, so that they can be
       * replaced one after another. 32 characters at least; the same in every process of the app.
       */
      readonly secrets: readonly string[]
      readonly insecure?: false
    }
  | {
      /** Whoever reaches the callback URL can run any step, and have any open job dropped. */
      readonly insecure: true
      readonly secrets?: undefined
    }

export interface DtmSettings {
  readonly server: URL
  readonly callbackUrl: URL
  readonly signer: Signer
  readonly jobs: DtmJobOptions
  readonly requestTimeoutMs: number
  readonly answerWithinMs: number
  readonly longestRetryMs: number
  readonly parkedRetryMs: number
  readonly concurrency: number
  readonly drainMs: number
}

/** @throws SteppingError `OPTIONS_INVALID` */
export function settingsOf(options: DtmOptions): DtmSettings {
  const settings = {
    server: urlIn(options, 'server'),
    callbackUrl: urlIn(options, 'callbackUrl'),
    signer: signerOf(options),
    jobs: options.jobs ?? {},
    requestTimeoutMs: options.requestTimeoutMs ?? 5_000,
    answerWithinMs: options.answerWithinMs ?? 2_000,
    longestRetryMs: options.longestRetryMs ?? 300_000,
    parkedRetryMs: options.parkedRetryMs ?? 3_600_000,
    concurrency: options.concurrency ?? 500,
    drainMs: options.drainMs ?? 10_000,
  }
  timingOf(settings.jobs, 'dtm: jobs')
  for (const name of ['requestTimeoutMs', 'longestRetryMs', 'parkedRetryMs'] as const) {
    assertNumber('dtm', name, settings[name])
  }
  assertNumber('dtm', 'concurrency', settings.concurrency, { from: 1, to: Infinity, whole: true })
  assertNumber('dtm', 'drainMs', settings.drainMs, { from: 0 })
  assertNumber('dtm', 'answerWithinMs', settings.answerWithinMs, { from: 0 })
  return settings
}

function urlIn(options: DtmOptions, name: 'server' | 'callbackUrl'): URL {
  const text: unknown = options[name]
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const usable =
    url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash
  if (usable) return url
  throw invalid(
    `${name} has to be an absolute http or https URL without user, password and fragment`,
  )
}

const shortestSecret = 32

/** What is wrong with secrets is told without them. */
function signerOf({ secrets, insecure }: DtmOptions): Signer {
  if (insecure === true && secrets === undefined) return noSigner
  if (insecure || !Array.isArray(secrets) || secrets.length === 0) {
    throw invalid('secrets has to be a list of one or more, or insecure true instead of it')
  }
  const usable = secrets.every(
    (secret: unknown) => typeof secret === 'string' && secret.length >= shortestSecret,
  )
  if (usable) return hmacSigner(secrets)
  throw invalid(`each of secrets has to be a text of ${shortestSecret} characters at least`)
}

function invalid(text: string): SteppingError {
  return new SteppingError('OPTIONS_INVALID', `dtm: ${text}.`)
}
