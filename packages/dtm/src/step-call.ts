import { assertGid, hint } from '@stepping/core'
import type { Participant } from '@stepping/core'
import type { Answer } from './answer.ts'
import type { Caller } from './callers.ts'
import { assertApp, assertCalledFor, failed } from './door.ts'
import type { Called, Door } from './door.ts'
import { Refusal } from './refusal.ts'
import { decodeStepMessage } from './step-message.ts'
import type { StepMessage } from './step-message.ts'

/** A call of a step, as somebody sent it. */
export interface StepRequest {
  /** Of another program's; null: the app's own. */
  readonly key: string | null
  readonly mac: string | null
  readonly called: Called
  /** The message that is signed. */
  readonly read: () => Promise<string>
}

/** How the step stands, after an attempt if it is time for one. */
export async function answerStep(request: StepRequest, door: Door): Promise<Answer> {
  const caller = callerOf(request.key, door)
  const message = await authentic(request, caller, door)
  const participant = door.participant()
  const attempts = door.attempts()
  if (!participant || !attempts) return 'unavailable'
  const { app, gid, index, step: name, args } = message
  assertApp(app, participant)
  if (!participant.stepNames.includes(name)) {
    reportUnknown(name, participant, door)
    return await failed(gid, door)
  }
  const step = {
    gid,
    index,
    name,
    ...(args !== undefined && { args }),
    ...(caller && { caller: caller.name }),
  }
  switch (await attempts.ask(step, door.answerWithinMs)) {
    case 'done':
      // What others call the end of a job is none of ours.
      if (message.last && !caller) participant.report({ type: 'job.finished', gid })
      return 'done'
    case 'done before':
      return 'done'
    case 'running':
    case 'waiting':
      return 'later'
    case 'failed':
    case 'parked':
      return await failed(gid, door)
    case 'interrupted':
      return 'unavailable'
  }
}

/** @throws Refusal before anything else is done */
async function authentic(
  { mac, called, read }: StepRequest,
  caller: Caller | undefined,
  door: Door,
): Promise<StepMessage> {
  const text = await read()
  const { signer } = caller ?? door
  if (!signer.verify(text, mac)) throw new Refusal(401, 'wrong MAC')
  const message = decodeStepMessage(text)
  if (!message || !isGid(message.gid)) throw new Refusal(400, 'names no step')
  if (caller && !caller.steps.has(message.step))
    throw new Refusal(403, 'not offered to this caller')
  assertCalledFor(called, message.gid, `${message.index + 1}`.padStart(2, '0'))
  return message
}

/** Another program's; undefined: the app's own. */
function callerOf(key: string | null, { callers }: Door): Caller | undefined {
  if (key === null) return undefined
  const caller = callers.get(key)
  if (!caller) throw new Refusal(401, 'unknown key')
  return caller
}

function isGid(gid: string): boolean {
  try {
    assertGid(gid)
    return true
  } catch {
    return false
  }
}

/** Once for each name: an older process meets it at every try, until a newer one has answered. */
function reportUnknown(step: string, participant: Participant, { unknownSteps }: Door): void {
  if (unknownSteps.has(step)) return
  unknownSteps.add(step)
  participant.report({ type: 'step.unknown', step, advice: hint(step, participant.stepNames) })
}
