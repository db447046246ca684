import type { Participant } from '@stepping/core'
import type { Answer } from './answer.ts'
import type { Attempts } from './attempts.ts'
import type { Callers } from './callers.ts'
import { dtmGid } from './dtm-gid.ts'
import { Refusal } from './refusal.ts'
import type { Signer } from './signature.ts'

/** What answering needs. */
export interface Door {
  readonly signer: Signer
  readonly callers: Callers
  readonly maxBodyBytes: number
  readonly answerWithinMs: number
  /** How long after a question DTM asks again, at least. */
  readonly retryMs: number
  /** Undefined before `start`, and once closed. */
  readonly participant: () => Participant | undefined
  /** Undefined where this process only adds jobs. */
  readonly attempts: () => Attempts | undefined
  readonly unknownSteps: Set<string>
  /** Whether DTM waits as long as it may between two tries. */
  readonly isCapped: (dtmGid: string) => Promise<boolean>
}

/** DTM doubles its wait after each failure, without end. */
export async function failed(gid: string, door: Door): Promise<Answer> {
  return (await door.isCapped(dtmGid(gid))) ? 'later' : 'failed'
}

/** What DTM says of itself that it calls for. */
export interface Called {
  readonly gid: string | undefined
  readonly branch: string | undefined
}

/** DTM has to call for what the message was made for. */
export function assertCalledFor(called: Called, gid: string, branch: string): void {
  if (called.gid === dtmGid(gid) && called.branch === branch) return
  throw new Refusal(400, 'made for another job or step')
}

export function assertApp(app: string, participant: Participant): void {
  if (app !== participant.app) throw new Refusal(403, 'made for another app')
}
