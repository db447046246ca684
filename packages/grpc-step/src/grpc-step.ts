import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import { defineStep, SteppingError } from '@stepping/core'
import type { Step } from '@stepping/core'
import { grpcStepSchema } from './grpc-step-args.ts'
import type { GrpcStepArgs } from './grpc-step-args.ts'

/**
 * Calls a unary gRPC method as a step: OK is success, everything else is tried again. Every attempt
 * carries the metadata `idempotency-key: <gid>/<index>`, by which the service can drop repeats.
 *
 * @example
 * job.addStep(grpcStep, grpcCall('shipping:50051', ShippingService.create, { orderId }))
 */
export const grpcStep: Step<GrpcStepArgs> = defineStep({
  name: 'stepping.grpc',
  args: grpcStepSchema(),
  async run({ args, idempotencyKey, signal }) {
    const { target, tls } = args
    const secured = tls ? credentials.createSsl() : credentials.createInsecure()
    // A connection of its own: one that went dead must not fail the next attempt, too.
    const client = new Client(target, secured, { 'grpc.use_local_subchannel_pool': 1 })
    try {
      await call(client, args, metadataOf(args, idempotencyKey), signal)
    } finally {
      client.close()
    }
  },
})

async function call(
  client: Client,
  { target, path, message, timeoutMs = 30_000 }: GrpcStepArgs,
  metadata: Metadata,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const request = client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      () => undefined,
      Buffer.from(message, 'base64'),
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error) => {
        signal.removeEventListener('abort', cancel)
        if (!error) return resolve()
        const said = `${status[error.code]}: ${error.details.slice(0, 200)}`
        reject(
          new SteppingError('GRPC_STATUS', `${target}${path} answered ${said}`, { cause: error }),
        )
      },
    )
    const cancel = (): void => request.cancel()
    signal.addEventListener('abort', cancel)
  })
}

/** A key of the job's own wins. */
function metadataOf({ metadata: given = {} }: GrpcStepArgs, idempotencyKey: string): Metadata {
  const metadata = new Metadata()
  metadata.set('idempotency-key', idempotencyKey)
  for (const [name, value] of Object.entries(given)) metadata.set(name, value)
  return metadata
}
