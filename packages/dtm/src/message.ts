import { SteppingError } from '@stepping/core'
import type { JobRecord } from '@stepping/core'
import type { Callback, DtmStep, Question } from './callback.ts'
import { dtmGid } from './dtm-gid.ts'
import { assertAnswersInTime, optionsOf, timingOf } from './job-options.ts'
import type { DtmJobOptions, Timing } from './job-options.ts'

/**
 * A job in DTM's words. Prepare and submit send all of it: DTM takes the steps from the first one,
 * and the options of the first run from the second.
 */
export interface DtmMessage {
  readonly gid: string
  readonly timing: Timing
  readonly question: Question
  readonly steps: readonly DtmStep[]
  readonly options: StoredOptions
  /** As the JSON that DTM wants for it. */
  readonly delay?: string
}

/** By the names that they have in DTM's stores. */
export interface StoredOptions {
  readonly wait_result: boolean
  /** In seconds, as the others. */
  readonly timeout_to_fail: number
  readonly request_timeout: number
  readonly retry_interval?: number
  readonly branch_headers?: Readonly<Record<string, string>>
}

/** What DTM's SQL stores keep of a URL, and of all options together. */
const longest = 1024

/** @throws SteppingError `OPTIONS_INVALID` for what DTM could not store, or would read otherwise. */
export function messageOf(
  job: JobRecord,
  callback: Callback,
  settings: { readonly jobs: DtmJobOptions; readonly answerWithinMs: number },
): DtmMessage {
  const wanted = optionsOf(job, settings.jobs)
  const owner = `job ${job.gid}`
  assertAnswersInTime(owner, { ...settings, jobs: wanted })
  const timing = timingOf(wanted, owner)
  const { waitResult = false, branchHeaders } = wanted
  const question = callback.question(job)
  const steps = job.steps.map((_, index) => callback.step(job, index))
  if (branchHeaders && steps.some(({ direct }) => direct)) {
    throw new SteppingError(
      'OPTIONS_INVALID',
      `Job ${job.gid} has branchHeaders and a direct step, to which DTM would send them, too. Leave one of them out.`,
      { gid: job.gid },
    )
  }
  const headers = { ...branchHeaders, ...question.headers }
  const options = {
    wait_result: waitResult,
    timeout_to_fail: timing.timeoutToFail,
    request_timeout: timing.requestTimeout,
    ...(timing.retryInterval !== undefined && { retry_interval: timing.retryInterval }),
    ...(Object.keys(headers).length > 0 && { branch_headers: headers }),
  }
  const long = [question.url, ...steps.map(({ action }) => action)].find(
    (url) => url.length > longest,
  )
  if (long !== undefined) throw tooLong(job, `the URL ${long.slice(0, 80)}…`, long.length)
  const optionsLength = JSON.stringify(options).length
  if (optionsLength > longest) throw tooLong(job, 'all of branchHeaders', optionsLength)
  return {
    gid: dtmGid(job.gid),
    timing,
    question,
    steps,
    options,
    ...(timing.delay !== undefined && { delay: JSON.stringify({ delay: timing.delay }) }),
  }
}

function tooLong({ gid }: JobRecord, what: string, length: number): SteppingError {
  return new SteppingError(
    'OPTIONS_INVALID',
    `Job ${gid}: ${what} takes ${length} characters, DTM keeps ${longest}. Shorten it.`,
    { gid },
  )
}
