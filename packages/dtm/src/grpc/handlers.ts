import { Metadata, status } from '@grpc/grpc-js'
import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js'
import type { Answer } from '../answer.ts'
import { results } from '../answer.ts'
import { answerToCheck } from '../check-callback.ts'
import type { Called, Door } from '../door.ts'
import { decodeFields, encodeFields } from '../protobuf.ts'
import { answerQuestion } from '../question.ts'
import { Refusal, RefusalReport } from '../refusal.ts'
import { decodeSignedStep } from '../signed-step.ts'
import { answerStep } from '../step-call.ts'
import { referenceHeader } from '../stored-message.ts'
import type { paths } from './service.ts'

type Call = ServerUnaryCall<Buffer, Buffer>
type Handlers = Readonly<Record<keyof typeof paths, handleUnaryCall<Buffer, Buffer>>>

interface Refused {
  readonly code: status
  readonly details: string
}

/** `google.protobuf.Empty` */
const nothing = Buffer.alloc(0)

/**
 * What DTM makes of a code: OK done, FAILED_PRECONDITION ask again after the same time, ABORTED (of a
 * question only) rolled back, everything else ask again after twice the time.
 */
const codes: Readonly<Record<Answer, status>> = {
  done: status.OK,
  committed: status.OK,
  rolledBack: status.ABORTED,
  later: status.FAILED_PRECONDITION,
  failed: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
}

/** Of refusals, by their HTTP status. */
const refusalCodes: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  405: status.UNIMPLEMENTED,
  413: status.RESOURCE_EXHAUSTED,
}

/** Answers what DTM calls. */
export function callbackHandlers(door: Door): Handlers {
  const report = new RefusalReport()

  function method(answer: (call: Call) => Promise<Answer | Buffer>): Handlers['runStep'] {
    const reply = async (call: Call, callback: sendUnaryData<Buffer>): Promise<void> => {
      const given = await answer(call).catch(refused)
      if (Buffer.isBuffer(given)) callback(null, given)
      else if (typeof given !== 'string') callback(given)
      else if (codes[given] === status.OK) callback(null, nothing)
      else callback({ code: codes[given], details: results[given] })
    }
    return (call, callback) => void reply(call, callback)
  }

  /** Nothing that somebody else wrote is answered, whatever is thrown. */
  function refused(error: unknown): Answer | Refused {
    if (!(error instanceof Refusal)) return 'failed'
    report.tell(error, door.participant())
    return { code: refusalCodes[error.status] ?? status.INTERNAL, details: error.message }
  }

  return {
    runStep: method(async ({ request, metadata }) => {
      assertOperation(metadata, 'action')
      if (request.byteLength > door.maxBodyBytes) throw new Refusal(413, 'too large')
      const step = decodeSignedStep(request)
      if (!step) throw new Refusal(400, 'names no step')
      const { key, mac, message } = step
      const read = (): Promise<string> => Promise.resolve(message)
      return await answerStep({ key, mac, called: calledIn(metadata), read }, door)
    }),
    queryPrepared: method(async ({ metadata }) => {
      assertOperation(metadata, 'msg')
      const reference = new URLSearchParams(valueOf(metadata, referenceHeader))
      return await answerQuestion(reference, calledIn(metadata), door)
    }),
    check: method(async ({ request }) => {
      const nonce = decodeFields(request)?.get(1)?.toString() ?? ''
      return encodeFields([[1, answerToCheck(nonce, door.signer)]])
    }),
  }
}

/** @throws Refusal unless DTM calls for this of a message. */
function assertOperation(metadata: Metadata, op: string): void {
  if (valueOf(metadata, 'dtm-trans_type') === 'msg' && valueOf(metadata, 'dtm-op') === op) return
  throw new Refusal(405, 'neither a step nor a question of DTM')
}

function calledIn(metadata: Metadata): Called {
  return { gid: valueOf(metadata, 'dtm-gid'), branch: valueOf(metadata, 'dtm-branch_id') }
}

/** DTM's own comes before what a job has it send. */
function valueOf(metadata: Metadata, name: string): string | undefined {
  return metadata.get(name)[0]?.toString()
}
