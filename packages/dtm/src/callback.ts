import { httpStep } from '@stepping/core'
import type { HttpStepArgs, JobRecord, StepRecord } from '@stepping/core'
import { encodeReference, signedText } from './prepared-reference.ts'
import type { Signer } from './signature.ts'
import { encodeStepMessage } from './step-message.ts'

/** A step in DTM's words: a POST of the payload to the action. */
export interface DtmStep {
  readonly action: string
  readonly payload: string
  /** Not at our endpoint. */
  readonly direct: boolean
}

/** How DTM is told to call us. */
export interface Callback {
  /** Where it asks whether the job's transaction committed. */
  queryPreparedUrl(job: JobRecord): string
  /** Where and with what it calls a step. */
  step(job: JobRecord, index: number): DtmStep
}

/** Everything goes to one URL: a step is a POST, the question whether it committed a GET. */
export function callbackAt(url: URL, signer: Signer): Callback {
  return {
    queryPreparedUrl(job) {
      const params = encodeReference(job)
      // Two jobs with one gid of a caller's own are told apart by it.
      if (job.callerGid) params.set('sending', crypto.randomUUID())
      return withParams(url, params, signer.sign(signedText(job)))
    },
    step(job, index) {
      const direct = directCall(job.steps[index]!)
      if (direct) return direct
      const payload = encodeStepMessage(job, index)
      const action = withParams(url, new URLSearchParams(), signer.sign(payload))
      return { action, payload, direct: false }
    },
  }
}

/** An HTTP step that DTM is to call itself: nothing of ours goes there. */
function directCall({ name, args }: StepRecord): DtmStep | undefined {
  if (name !== httpStep.name) return undefined
  const { url, json, direct } = JSON.parse(args ?? '{}') as HttpStepArgs
  return direct === true ? { action: url, payload: JSON.stringify(json), direct } : undefined
}

function withParams(base: URL, params: URLSearchParams, mac: string | undefined): string {
  const url = new URL(base)
  for (const [name, value] of params) url.searchParams.append(name, value)
  if (mac !== undefined) url.searchParams.append('mac', mac)
  return url.href
}
