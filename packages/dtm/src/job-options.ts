import { assertNumber, SteppingError } from '@stepping/core'
import type { JobRecord } from '@stepping/core'

/** How DTM treats one job. Times are whole seconds, because DTM counts in seconds. */
export interface DtmJobOptions {
  /**
   * How long after the prepare DTM asks whether the transaction committed, if no submit came; the
   * submit is sent until a second before. Default 3,000.
   */
  readonly timeoutToFailMs?: number
  /**
   * How long DTM waits before it calls a failed or unfinished step again; it doubles with each
   * failure. Default: as `timeoutToFailMs`, but at most 10 s.
   */
  readonly retryIntervalMs?: number
  /** How long DTM waits for one answer of ours. Default 3,000. */
  readonly requestTimeoutMs?: number
  /** The steps begin this long after the job was sent. */
  readonly delayMs?: number
  /** The submit is answered only when DTM has called each step once, or a step has not ended by then. */
  readonly waitResult?: boolean
  /** Sent by DTM with each call of a step, and stored in clear: no secrets. */
  readonly branchHeaders?: Readonly<Record<string, string>>
}

/** What a job asks of DTM: `stepping.createJob({ tm: dtmOptions({ delayMs: 60_000 }) })`. */
export interface DtmOptionsOfJob extends DtmJobOptions {
  readonly kind: 'dtm'
}

/** @throws SteppingError `OPTIONS_INVALID` */
export function dtmOptions(options: DtmJobOptions): DtmOptionsOfJob {
  timingOf(options, 'dtmOptions')
  assertHeaders(options, 'dtmOptions')
  return { ...options, kind: 'dtm' }
}

/** In DTM's seconds. */
export interface Timing {
  readonly timeoutToFail: number
  readonly requestTimeout: number
  readonly retryInterval?: number
  readonly delay?: number
}

/** The longest request DTM may make of us by default, and its own default. */
const requestTimeoutMs = 3_000

/** DTM's own default, which replaces ours where it is shorter. */
const dtmRetryIntervalMs = 10_000

/** @throws SteppingError `OPTIONS_INVALID` */
export function timingOf(options: DtmJobOptions, owner: string): Timing {
  const timeoutToFailMs = options.timeoutToFailMs ?? 3_000
  // Below two seconds nothing is left of the time in which a submit may be sent.
  const timeoutToFail = seconds(owner, 'timeoutToFailMs', timeoutToFailMs, 2_000)
  const { retryIntervalMs, delayMs } = options
  return {
    timeoutToFail,
    requestTimeout: seconds(
      owner,
      'requestTimeoutMs',
      options.requestTimeoutMs ?? requestTimeoutMs,
    ),
    // A visit of DTM that comes before it may ask puts the question off by ten seconds, so none may
    // come before.
    ...(retryIntervalMs !== undefined && {
      retryInterval: seconds(owner, 'retryIntervalMs', retryIntervalMs, timeoutToFailMs),
    }),
    ...(delayMs !== undefined && { delay: seconds(owner, 'delayMs', delayMs) }),
  }
}

/** What our answer needs on its way. */
const onTheWayMs = 500

/** @throws SteppingError `OPTIONS_INVALID` when DTM would give a call up before we answer it. */
export function assertAnswersInTime(
  owner: string,
  { jobs, answerWithinMs }: { readonly jobs: DtmJobOptions; readonly answerWithinMs: number },
): void {
  const { requestTimeout } = timingOf(jobs, owner)
  if (answerWithinMs + onTheWayMs <= requestTimeout * 1_000) return
  throw new SteppingError(
    'OPTIONS_INVALID',
    `${owner}: requestTimeoutMs is ${requestTimeout * 1_000}, and answers take up to answerWithinMs (${answerWithinMs}). Make it ${onTheWayMs} more than that, at least.`,
  )
}

/** The wait before DTM's first retry, which doubles from there. */
export function firstIntervalMs({ timeoutToFail, retryInterval }: Timing): number {
  if (retryInterval !== undefined) return retryInterval * 1_000
  return Math.min(timeoutToFail * 1_000, dtmRetryIntervalMs)
}

function seconds(owner: string, option: string, ms: number, from = 1_000): number {
  assertNumber(owner, option, ms, { from, to: 2_000_000_000_000, whole: true })
  if (ms % 1_000 === 0) return ms / 1_000
  throw new SteppingError(
    'OPTIONS_INVALID',
    `${owner}: ${option} is ${ms}, and DTM counts in whole seconds. Take ${Math.ceil(ms / 1_000) * 1_000}.`,
  )
}

/** DTM sets or computes these, or we do; another value would break the calls. */
const ownPrefix = /^(dtm|grpc|stepping)-/
const ownHeaders = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
])

function isOwn(name: string): boolean {
  return ownHeaders.has(name) || ownPrefix.test(name)
}

/** @throws SteppingError `OPTIONS_INVALID` */
export function assertHeaders({ branchHeaders = {} }: DtmJobOptions, owner: string): void {
  const wrong = Object.keys(branchHeaders).find((name) => isOwn(name.toLowerCase()))
  if (wrong !== undefined) {
    throw new SteppingError(
      'OPTIONS_INVALID',
      `${owner}: branchHeaders sets ${wrong}, which is DTM's or ours.`,
    )
  }
  try {
    const headers = new Headers()
    for (const [name, value] of Object.entries(branchHeaders)) headers.set(name, value)
  } catch (cause) {
    throw new SteppingError(
      'OPTIONS_INVALID',
      `${owner}: branchHeaders has a name or a value that HTTP does not allow.`,
      { cause },
    )
  }
}

/** A job's own options over those of all jobs. */
export function optionsOf(job: JobRecord, defaults: DtmJobOptions): DtmJobOptions {
  return { ...defaults, ...(job.options as DtmOptionsOfJob | undefined) }
}
