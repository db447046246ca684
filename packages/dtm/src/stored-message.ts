import type { JobRecord } from '@stepping/core'
import type { Question } from './callback.ts'
import type { DtmBranch, DtmTransaction } from './dtm-api.ts'
import type { DtmMessage, StoredOptions } from './message.ts'
import { decodeReference, signedText } from './prepared-reference.ts'
import type { PreparedReference } from './prepared-reference.ts'
import { decodeSignedStep } from './signed-step.ts'
import { decodeStepMessage } from './step-message.ts'
import type { StepMessage } from './step-message.ts'

/** Over gRPC DTM can ask only at one fixed address: which job it asks about is in this header. */
export const referenceHeader = 'stepping-job'

/** The job that DTM has there, however it came; undefined when it is none of ours. */
export function referenceIn(transaction: DtmTransaction): PreparedReference | undefined {
  const { query_prepared: url = '' } = transaction
  const header = referenceHeaderIn(transaction)
  if (header !== undefined) return decodeReference(new URLSearchParams(header))
  return URL.canParse(url) ? decodeReference(new URL(url).searchParams) : undefined
}

/** Whether DTM has it from this very sending. */
export function sameSending(transaction: DtmTransaction, { url, headers }: Question): boolean {
  if (transaction.query_prepared !== url) return false
  return referenceHeaderIn(transaction) === headers?.[referenceHeader]
}

/** Whether DTM has it for the same app and the same database. */
export function sameJob(transaction: DtmTransaction, job: JobRecord): boolean {
  const stored = referenceIn(transaction)
  return stored !== undefined && signedText(stored) === signedText(job)
}

/** Whether DTM has it with the same steps and args, by whichever of our secrets they were signed. */
export function sameSteps(branches: readonly DtmBranch[], steps: DtmMessage['steps']): boolean {
  if (branches.length !== steps.length) return false
  return branches.every((branch, index) => {
    const { action, payload, direct } = steps[index]!
    if (direct) return branch.url === action && payloadOf(branch).equals(payload)
    const text = textOf(payloadOf(branch))
    return text === textOf(payload) && decodeStepMessage(text) !== undefined
  })
}

/** The step that DTM has there; undefined for one that it calls directly. */
export function stepMessageIn(branch: DtmBranch): StepMessage | undefined {
  return decodeStepMessage(textOf(payloadOf(branch)))
}

/** Over some stores DTM has the headers in other places, too; over all of them they are in its options. */
function referenceHeaderIn({ options }: DtmTransaction): string | undefined {
  const { branch_headers: headers } = JSON.parse(options || '{}') as Partial<StoredOptions>
  return headers?.[referenceHeader]
}

function payloadOf({ bin_data: data = '' }: DtmBranch): Buffer {
  return Buffer.from(data, 'base64')
}

/** Over HTTP it is the payload, over gRPC a part of it. */
function textOf(payload: Buffer): string {
  return decodeSignedStep(payload)?.message ?? payload.toString()
}
