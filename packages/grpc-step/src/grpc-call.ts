import type { GrpcStepArgs } from './grpc-step-args.ts'

/**
 * A method as grpc-js and most generators declare it: `ShippingService.create` of ts-proto, or
 * `Shipping.service.Create` of `loadPackageDefinition`.
 */
export interface UnaryMethod<Request> {
  readonly path: string
  readonly requestStream: false
  readonly responseStream: false
  readonly requestSerialize: (request: Request) => Uint8Array
}

export type GrpcCallOptions = Pick<GrpcStepArgs, 'metadata' | 'timeoutMs' | 'tls' | 'direct'>

/**
 * The args of `grpcStep`, from a method's declaration and its request.
 *
 * @example
 * job.addStep(grpcStep, grpcCall('shipping:50051', ShippingService.create, { orderId }))
 */
export function grpcCall<Request>(
  target: string,
  { path, requestSerialize }: UnaryMethod<Request>,
  request: Request,
  options: GrpcCallOptions = {},
): GrpcStepArgs {
  const message = Buffer.from(requestSerialize(request)).toString('base64')
  return { target, path, message, ...options }
}
