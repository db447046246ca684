import type { JobRecord } from '@stepping/core'
import type { DtmBranch } from './dtm-api.ts'
import type { DtmMessage } from './message.ts'
import { decodeReference, signedText } from './prepared-reference.ts'
import type { PreparedReference } from './prepared-reference.ts'
import { decodeStepMessage } from './step-message.ts'

/** The job that DTM asks about at this URL; undefined when it is none of ours. */
export function referenceIn(queryPrepared: string): PreparedReference | undefined {
  return URL.canParse(queryPrepared)
    ? decodeReference(new URL(queryPrepared).searchParams)
    : undefined
}

/** Whether DTM has it for the same app and the same database. */
export function sameJob(queryPrepared: string, job: JobRecord): boolean {
  const stored = referenceIn(queryPrepared)
  return stored !== undefined && signedText(stored) === signedText(job)
}

/** Whether DTM has it with the same steps and args. The URL of a step of ours carries nothing else than its MAC. */
export function sameSteps(branches: readonly DtmBranch[], steps: DtmMessage['steps']): boolean {
  if (branches.length !== steps.length) return false
  return branches.every((branch, index) => {
    const { action, payload } = steps[index]!
    const stored = payloadOf(branch)
    if (stored !== payload) return false
    return branch.url === action || decodeStepMessage(stored) !== undefined
  })
}

export function payloadOf({ bin_data: data = '' }: DtmBranch): string {
  return Buffer.from(data, 'base64').toString()
}
