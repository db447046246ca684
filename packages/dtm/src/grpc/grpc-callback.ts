import type { Callback } from '../callback.ts'
import { signedReference } from '../callback.ts'
import { directStep } from '../direct-step.ts'
import type { Signer } from '../signature.ts'
import { encodeSignedStep } from '../signed-step.ts'
import { encodeStepMessage } from '../step-message.ts'
import { referenceHeader } from '../stored-message.ts'
import { paths } from './service.ts'

/** DTM calls methods of one service, without a query: what a question is about goes into a header. */
export function grpcCallbackAt(address: string, signer: Signer): Callback {
  return {
    question(job) {
      const reference = signedReference(job, signer).toString()
      return { url: address + paths.queryPrepared, headers: { [referenceHeader]: reference } }
    },
    step(job, index) {
      const direct = directStep(job.steps[index]!)
      if (direct) return { ...direct, direct: true }
      const message = encodeStepMessage(job, index)
      const payload = encodeSignedStep(message, signer.sign(message))
      return { action: address + paths.runStep, payload, direct: false }
    },
  }
}
