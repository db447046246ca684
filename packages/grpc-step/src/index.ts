export { grpcCall } from './grpc-call.ts'
export type { GrpcCallOptions, UnaryMethod } from './grpc-call.ts'
export { grpcStep } from './grpc-step.ts'
export type { GrpcStepArgs } from './grpc-step-args.ts'
