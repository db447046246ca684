import type { JobRecord } from '@stepping/core'
import { encodeReference, signedText } from './prepared-reference.ts'
import type { Signer } from './signature.ts'
import { encodeStepMessage } from './step-message.ts'

/** How DTM is told to call us. */
export interface Callback {
  /** Where it asks whether the job's transaction committed. */
  queryPreparedUrl(job: JobRecord): string
  /** Where and with what it calls a step. */
  step(job: JobRecord, index: number): { readonly action: string; readonly payload: string }
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
      const payload = encodeStepMessage(job, index)
      return { action: withParams(url, new URLSearchParams(), signer.sign(payload)), payload }
    },
  }
}

function withParams(base: URL, params: URLSearchParams, mac: string | undefined): string {
  const url = new URL(base)
  for (const [name, value] of params) url.searchParams.append(name, value)
  if (mac !== undefined) url.searchParams.append('mac', mac)
  return url.href
}
