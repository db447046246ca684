import { SteppingError } from '@stepping/core'
import type { JobRecord } from '@stepping/core'
import { directStep } from './direct-step.ts'
import { encodeReference, signedText } from './prepared-reference.ts'
import type { Signer } from './signature.ts'
import { encodeStepMessage } from './step-message.ts'

/** A step in DTM's words: a call of the action with the payload. */
export interface DtmStep {
  readonly action: string
  readonly payload: Buffer
  /** Not at our endpoint. */
  readonly direct: boolean
}

/** Where DTM asks whether a job's transaction committed. */
export interface Question {
  /** Never empty: DTM would start the steps of a job that nobody submitted. */
  readonly url: string
  /** What it sends along with all its calls for the job. */
  readonly headers?: Readonly<Record<string, string>>
}

/** How DTM is told to call us. */
export interface Callback {
  question(job: JobRecord): Question
  step(job: JobRecord, index: number): DtmStep
}

/** Everything goes to one URL: a step is a POST, the question whether it committed a GET. */
export function callbackAt(url: URL, signer: Signer): Callback {
  return {
    question(job) {
      return { url: withParams(url, signedReference(job, signer)) }
    },
    step(job, index) {
      const direct = directStep(job.steps[index]!)
      if (direct?.by === 'gRPC') throw noGrpc(job)
      if (direct) return { ...direct, direct: true }
      const message = encodeStepMessage(job, index)
      const mac = signer.sign(message)
      const action = withParams(url, new URLSearchParams(mac === undefined ? {} : { mac }))
      return { action, payload: Buffer.from(message), direct: false }
    },
  }
}

/** What DTM asks with. */
export function signedReference(job: JobRecord, signer: Signer): URLSearchParams {
  const params = encodeReference(job)
  // Two jobs with one gid of a caller's own are told apart by it.
  if (job.callerGid) params.set('sending', crypto.randomUUID())
  const mac = signer.sign(signedText(job))
  if (mac !== undefined) params.set('mac', mac)
  return params
}

function withParams(base: URL, params: URLSearchParams): string {
  const url = new URL(base)
  for (const [name, value] of params) url.searchParams.append(name, value)
  return url.href
}

function noGrpc({ gid }: JobRecord): SteppingError {
  return new SteppingError(
    'OPTIONS_INVALID',
    `Job ${gid} has a direct gRPC step, which DTM makes only for jobs that came to it over gRPC. Take dtmGrpc, or leave direct out: then this app makes the call.`,
    { gid },
  )
}
