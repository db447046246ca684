import { assertNumber, SteppingError } from '@stepping/core'
import { callersOf } from './callers.ts'
import type { CallerOptions, Callers } from './callers.ts'
import { assertAnswersInTime, assertHeaders } from './job-options.ts'
import type { DtmJobOptions } from './job-options.ts'
import type { LedgerDatabase } from './ledger-row.ts'
import { hmacSigner, noSigner } from './signature.ts'
import type { Signer } from './signature.ts'

export type DtmOptions = CommonOptions & {
  /** Where DTM reaches `handler`: `http://shop:8080/stepping`. */
  readonly callbackUrl: string
}

/** However messages go between DTM and the app. */
export type CommonOptions = {
  /** The HTTP address of the DTM server, or of what stands before several: `http://dtm:36789`. */
  readonly server: string
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
  /**
   * Programs in other languages that may have DTM call some of this app's steps, each by a name that
   * it gives as `key` in the URL.
   */
  readonly callers?: Readonly<Record<string, CallerOptions>>
  /**
   * Keeps in this database, in the rows of `once`, which steps are done, and which process is at
   * one, under a lease: none is then done again, and no two attempts run side by side in two
   * processes. Without it DTM calls a step that is done again when a submit came too late or when DTM
   * crashed, and one that runs through another process.
   */
  readonly ledger?: LedgerDatabase
  /** How often rows past their safe age are deleted. Default 3,600,000 (an hour). */
  readonly pruneEveryMs?: number
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
  readonly signer: Signer
  readonly callers: Callers
  readonly ledger: LedgerDatabase | undefined
  readonly pruneEveryMs: number
  readonly jobs: DtmJobOptions
  readonly requestTimeoutMs: number
  readonly answerWithinMs: number
  readonly longestRetryMs: number
  readonly parkedRetryMs: number
  readonly concurrency: number
  readonly drainMs: number
}

/** What Node's timers take, which fire at once for more, and half of that again for the spread of `pruneEveryMs`. */
const longestMs = 1_000_000_000

/** @throws SteppingError `OPTIONS_INVALID` */
export function settingsOf(options: CommonOptions, owner: string): DtmSettings {
  const settings = {
    server: urlIn(owner, 'server', options.server),
    signer: signerOf(options, owner),
    callers: callersOf(owner, options.callers ?? {}, options.secrets ?? []),
    ledger: options.ledger,
    pruneEveryMs: options.pruneEveryMs ?? 3_600_000,
    jobs: options.jobs ?? {},
    requestTimeoutMs: options.requestTimeoutMs ?? 5_000,
    answerWithinMs: options.answerWithinMs ?? 2_000,
    longestRetryMs: options.longestRetryMs ?? 300_000,
    parkedRetryMs: options.parkedRetryMs ?? 3_600_000,
    concurrency: options.concurrency ?? 500,
    drainMs: options.drainMs ?? 10_000,
  }
  for (const name of ['longestRetryMs', 'parkedRetryMs'] as const) {
    assertNumber(owner, name, settings[name])
  }
  for (const name of ['requestTimeoutMs', 'pruneEveryMs'] as const) {
    assertNumber(owner, name, settings[name], { to: longestMs })
  }
  assertNumber(owner, 'concurrency', settings.concurrency, { from: 1, to: Infinity, whole: true })
  assertNumber(owner, 'drainMs', settings.drainMs, { from: 0, to: longestMs })
  assertNumber(owner, 'answerWithinMs', settings.answerWithinMs, { from: 0, to: longestMs })
  assertAnswersInTime(`${owner}: jobs`, settings)
  assertHeaders(settings.jobs, `${owner}: jobs`)
  return settings
}

/** @throws SteppingError `OPTIONS_INVALID` */
export function urlIn(owner: string, name: string, text: unknown): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const usable =
    url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash
  if (usable) return url
  throw invalid(
    owner,
    `${name} has to be an absolute http or https URL without user, password and fragment`,
  )
}

function signerOf({ secrets, insecure }: CommonOptions, owner: string): Signer {
  if (!insecure) return hmacSigner(owner, secrets)
  if (secrets === undefined) return noSigner
  throw invalid(owner, 'insecure and secrets exclude each other')
}

/** The error of a wrong option. */
export function invalid(owner: string, text: string): SteppingError {
  return new SteppingError('OPTIONS_INVALID', `${owner}: ${text}.`)
}
