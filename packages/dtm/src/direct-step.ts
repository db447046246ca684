import { httpStep } from '@stepping/core'
import type { HttpStepArgs, StepRecord } from '@stepping/core'

/** The step of @stepping/grpc-step, which does not have to be installed. */
export const grpcStepName = 'stepping.grpc'

/** Of its args what DTM needs to make the call. */
interface GrpcStepArgs {
  readonly target: string
  readonly path: string
  /** In base64. */
  readonly message: string
  readonly direct?: boolean
}

/** A step that DTM is to call itself: nothing of ours goes there. */
export interface DirectStep {
  readonly by: 'HTTP' | 'gRPC'
  readonly action: string
  readonly payload: Buffer
}

export function directStep({ name, args = '{}' }: StepRecord): DirectStep | undefined {
  if (name === httpStep.name) {
    const { url, json, direct } = JSON.parse(args) as HttpStepArgs
    if (direct !== true) return undefined
    return { by: 'HTTP', action: url, payload: Buffer.from(JSON.stringify(json)) }
  }
  if (name === grpcStepName) {
    const { target, path, message, direct } = JSON.parse(args) as GrpcStepArgs
    if (direct !== true) return undefined
    return { by: 'gRPC', action: target + path, payload: Buffer.from(message, 'base64') }
  }
  return undefined
}
