import { hint, isSteppingError, toError } from '@stepping/core'
import type { Participant } from '@stepping/core'
import type { Attempts, Progress } from './attempts.ts'
import { dtmGid } from './dtm-gid.ts'
import { decodeReference, signedText } from './prepared-reference.ts'
import { readBody } from './read-body.ts'
import { Refusal } from './refusal.ts'
import type { Signer } from './signature.ts'
import { decodeStepMessage } from './step-message.ts'
import type { StepMessage } from './step-message.ts'

export interface HandlerParts {
  readonly signer: Signer
  readonly maxBodyBytes: number
  readonly answerWithinMs: number
  /** Undefined before `start`, and once closed. */
  readonly participant: () => Participant | undefined
  /** Undefined where this process only adds jobs. */
  readonly attempts: () => Attempts | undefined
  /** Whether DTM waits as long as it should by now, so that it must not wait twice as long the next time. */
  readonly isCapped: (gid: string) => Promise<boolean>
  /** When DTM asks again at the earliest. */
  readonly retryMs: number
}

/**
 * What DTM makes of an answer: 200 done, 425 ask again after the same time, 409 (of a question
 * only) rolled back, everything else ask again after twice the time. It also reads the body, and
 * takes the words FAILURE and ONGOING for 409 and 425: nothing that somebody else wrote may stand
 * there.
 */
const answers = {
  done: [200, 'done'],
  committed: [200, 'committed'],
  rolledBack: [409, 'rolled back'],
  later: [425, 'not yet'],
  failed: [500, 'failed'],
  unavailable: [503, 'not available'],
} as const

type Answer = keyof typeof answers

/** Answers what DTM asks: whether a transaction committed (GET), and to run a step (POST). */
export function callbackHandler(parts: HandlerParts): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const answer = await answerTo(request, parts)
      const [status, result] = answers[answer]
      return respond(status, result)
    } catch (error) {
      if (!(error instanceof Refusal)) return respond(500, 'failed')
      parts.participant()?.report({ type: 'callback.refused', reason: error.message })
      return respond(error.status, error.message)
    }
  }
}

function respond(status: number, result: string): Response {
  return Response.json({ result }, { status, headers: { 'cache-control': 'no-store' } })
}

async function answerTo(request: Request, parts: HandlerParts): Promise<Answer> {
  const params = new URL(request.url).searchParams
  const asked = `${request.method} ${params.get('trans_type')} ${params.get('op')}`
  if (asked === 'POST msg action') return await runStep(request, params, parts)
  // DTM follows a redirect of a POST by a GET: that must not pass for anything.
  if (asked === 'GET msg msg') return await queryPrepared(params, parts)
  throw new Refusal(405, 'neither the call of a step nor the question whether a job committed')
}

async function queryPrepared(params: URLSearchParams, parts: HandlerParts): Promise<Answer> {
  const reference = decodeReference(params)
  if (!reference) throw new Refusal(400, 'names no job')
  if (!parts.signer.verify(signedText(reference), params.get('mac'))) throw wrongMac()
  assertCalled(params, reference.gid, '00')
  const participant = parts.participant()
  if (!participant) return 'unavailable'
  const { app, gid, database } = reference
  assertApp(app, participant)
  try {
    const outcome = await participant.queryPrepared({ gid, ...(database && { database }) })
    if (outcome === 'rolledBack') participant.report({ type: 'job.rolledBack', gid })
    return outcome
  } catch (thrown) {
    const error = toError(thrown)
    // An open transaction is nothing to report: it is only not over yet.
    if (isSteppingError(error, 'BARRIER_UNDECIDED')) return 'later'
    participant.report({ type: 'job.unresolved', gid, error, retryInMs: parts.retryMs })
    return await failed(gid, parts)
  }
}

async function runStep(
  request: Request,
  params: URLSearchParams,
  parts: HandlerParts,
): Promise<Answer> {
  const text = await readBody(request, parts.maxBodyBytes)
  if (!parts.signer.verify(text, params.get('mac'))) throw wrongMac()
  const message = decodeStepMessage(text)
  if (!message) throw new Refusal(400, 'names no step')
  const { app, gid, index, step: name, args } = message
  assertCalled(params, gid, `${index + 1}`.padStart(2, '0'))
  const participant = parts.participant()
  const attempts = parts.attempts()
  if (!participant || !attempts) return 'unavailable'
  assertApp(app, participant)
  if (!participant.stepNames.includes(name)) {
    participant.report({
      type: 'step.unknown',
      step: name,
      advice: hint(name, participant.stepNames),
    })
    return await failed(gid, parts)
  }
  const step = { gid, index, name, ...(args !== undefined && { args }) }
  const progress = await attempts.ask(step, parts.answerWithinMs)
  return await answerFor(progress, message, parts)
}

async function answerFor(
  progress: Progress,
  { gid, last }: StepMessage,
  parts: HandlerParts,
): Promise<Answer> {
  switch (progress) {
    case 'done':
      if (last) parts.participant()?.report({ type: 'job.finished', gid })
      return 'done'
    case 'running':
    case 'waiting':
      return 'later'
    case 'failed':
    case 'parked':
      return await failed(gid, parts)
    case 'interrupted':
      return 'unavailable'
  }
}

/** DTM doubles its wait after each failure, without end. */
async function failed(gid: string, parts: HandlerParts): Promise<Answer> {
  return (await parts.isCapped(dtmGid(gid))) ? 'later' : 'failed'
}

/** DTM has to call for what the message was made for: it adds these to our URL. */
function assertCalled(params: URLSearchParams, gid: string, branch: string): void {
  const [called] = params.getAll('gid').slice(-1)
  if (called === dtmGid(gid) && params.get('branch_id') === branch) return
  throw new Refusal(400, 'made for another job or step')
}

function assertApp(app: string, participant: Participant): void {
  if (app !== participant.app) throw new Refusal(403, 'made for another app')
}

function wrongMac(): Refusal {
  return new Refusal(401, 'wrong MAC')
}
