import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { sendUnaryData } from '@grpc/grpc-js'
import { createStepping } from '@stepping/core'
import { grpcCall, grpcStep } from '@stepping/grpc-step'
import { memoryJobStore, selfTm } from '@stepping/self-tm'

const create = {
  path: '/shop.Shipping/Create',
  requestStream: false,
  responseStream: false,
  requestSerialize: (sku: string) => Buffer.from(sku),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
} as const

const shipped = Promise.withResolvers<string>()
const server = new Server()
server.addService(
  { create },
  {
    create: (call: { request: string }, callback: sendUnaryData<Buffer>) => {
      shipped.resolve(call.request)
      callback(null, Buffer.alloc(0))
    },
  },
)
const bound = Promise.withResolvers<number>()
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
  error ? bound.reject(error) : bound.resolve(port),
)
const target = `127.0.0.1:${await bound.promise}`
{
  const tm = selfTm({ store: memoryJobStore() })
  await using stepping = createStepping({ app: 'shop', tm, steps: [grpcStep] })
  await stepping.start()
  await stepping
    .createJob()
    .addStep(grpcStep, grpcCall(target, create, 'A1'))
    .start()
  if ((await shipped.promise) !== 'A1') throw new Error('The method got another request.')
}
server.forceShutdown()
