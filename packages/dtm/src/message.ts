import { SteppingError } from '@stepping/core'
import type { JobRecord } from '@stepping/core'
import type { Callback, DtmStep } from './callback.ts'
import { dtmGid } from './dtm-gid.ts'
import { assertAnswersInTime, optionsOf, timingOf } from './job-options.ts'
import type { DtmJobOptions, Timing } from './job-options.ts'

/**
 * A job in DTM's words. Prepare and submit get the very same text: DTM takes the steps from the
 * first one, and the options of the first run from the second.
 */
export interface DtmMessage {
  readonly gid: string
  readonly body: string
  readonly timing: Timing
  readonly queryPrepared: string
  readonly steps: readonly DtmStep[]
  readonly waitResult: boolean
}

/** What DTM's SQL stores keep of a URL, and of all options together. */
const longest = 1024

/** @throws SteppingError `OPTIONS_INVALID` for what DTM could not store, or would read otherwise. */
export function messageOf(
  job: JobRecord,
  callback: Callback,
  settings: { readonly jobs: DtmJobOptions; readonly answerWithinMs: number },
): DtmMessage {
  const options = optionsOf(job, settings.jobs)
  const owner = `job ${job.gid}`
  assertAnswersInTime(owner, { ...settings, jobs: options })
  const timing = timingOf(options, owner)
  const { waitResult = false, branchHeaders } = options
  const gid = dtmGid(job.gid)
  const queryPrepared = callback.queryPreparedUrl(job)
  const steps = job.steps.map((_, index) => callback.step(job, index))
  if (branchHeaders && steps.some(({ direct }) => direct)) {
    throw new SteppingError(
      'OPTIONS_INVALID',
      `Job ${job.gid} has branchHeaders and a direct HTTP step, to which DTM would send them, too. Leave one of them out.`,
      { gid: job.gid },
    )
  }
  const wireOptions = {
    wait_result: waitResult,
    timeout_to_fail: timing.timeoutToFail,
    request_timeout: timing.requestTimeout,
    ...(timing.retryInterval !== undefined && { retry_interval: timing.retryInterval }),
    ...(branchHeaders && { branch_headers: branchHeaders }),
  }
  const long = [queryPrepared, ...steps.map(({ action }) => action)].find(
    (url) => url.length > longest,
  )
  if (long !== undefined) throw tooLong(job, `the URL ${long.slice(0, 80)}…`, long.length)
  const optionsLength = JSON.stringify(wireOptions).length
  if (optionsLength > longest) throw tooLong(job, 'all of branchHeaders', optionsLength)
  return {
    gid,
    timing,
    queryPrepared,
    steps,
    waitResult,
    body: JSON.stringify({
      gid,
      trans_type: 'msg',
      protocol: 'http',
      // Never empty: DTM would start the steps of a job that nobody submitted.
      query_prepared: queryPrepared,
      steps: steps.map(({ action }) => ({ action })),
      payloads: steps.map(({ payload }) => payload),
      ...wireOptions,
      ...(timing.delay !== undefined && { custom_data: JSON.stringify({ delay: timing.delay }) }),
    }),
  }
}

function tooLong({ gid }: JobRecord, what: string, length: number): SteppingError {
  return new SteppingError(
    'OPTIONS_INVALID',
    `Job ${gid}: ${what} takes ${length} characters, DTM keeps ${longest}. Shorten it.`,
    { gid },
  )
}
