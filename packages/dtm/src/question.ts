import { isSteppingError, toError } from '@stepping/core'
import type { Answer } from './answer.ts'
import { assertApp, assertCalledFor, failed } from './door.ts'
import type { Called, Door } from './door.ts'
import { decodeReference, signedText } from './prepared-reference.ts'
import { Refusal } from './refusal.ts'

/** Query prepared: whether the transaction of a job committed. */
export async function answerQuestion(
  params: URLSearchParams,
  called: Called,
  door: Door,
): Promise<Answer> {
  const reference = decodeReference(params)
  if (!reference) throw new Refusal(400, 'names no job')
  if (!door.signer.verify(signedText(reference), params.get('mac'))) {
    throw new Refusal(401, 'wrong MAC')
  }
  const { app, gid } = reference
  assertCalledFor(called, gid, '00')
  const participant = door.participant()
  if (!participant) return 'unavailable'
  assertApp(app, participant)
  try {
    const outcome = await participant.queryPrepared(reference)
    if (outcome === 'rolledBack') participant.report({ type: 'job.rolledBack', gid })
    return outcome
  } catch (thrown) {
    const error = toError(thrown)
    // An open transaction is nothing to report: it is only not over yet.
    if (isSteppingError(error, 'BARRIER_UNDECIDED')) return 'later'
    participant.report({ type: 'job.unresolved', gid, error, retryInMs: door.retryMs })
    return await failed(gid, door)
  }
}
