import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import type { Metadata, MethodDefinition, sendUnaryData } from '@grpc/grpc-js'
import { createStepping, silentLogger } from '@stepping/core'
import type { Participant, StepCall, StepOutcome } from '@stepping/core'
import protobuf from 'protobufjs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FakeTransactionManager } from '../../core/src/testing/fake-transaction-manager.ts'
import { grpcCall, grpcStep } from '../src/index.ts'
import type { GrpcStepArgs } from '../src/index.ts'

interface Shipment {
  readonly sku: string
}

const { root } = protobuf.parse(`syntax = "proto3";
  message Shipment { string sku = 1; }`)
const type = root.lookupType('Shipment')

/** As a generator declares it. */
const create: MethodDefinition<Shipment, Buffer> & {
  readonly requestStream: false
  readonly responseStream: false
} = {
  path: '/shop.Shipping/Create',
  requestStream: false,
  responseStream: false,
  requestSerialize: (shipment) => Buffer.from(type.encode(shipment).finish()),
  requestDeserialize: (bytes) => type.toObject(type.decode(bytes)) as Shipment,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
}

const received: { readonly shipment: Shipment; readonly metadata: Metadata }[] = []
let answer: (callback: sendUnaryData<Buffer>) => void
let server: Server
let target: string
let participant: Participant
let addStep: (args: GrpcStepArgs) => void

beforeAll(async () => {
  server = new Server()
  server.addService(
    { create },
    {
      create: (
        call: { request: Shipment; metadata: Metadata },
        callback: sendUnaryData<Buffer>,
      ) => {
        received.push({ shipment: call.request, metadata: call.metadata })
        answer(callback)
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  target = `127.0.0.1:${port}`
  const tm = new FakeTransactionManager()
  const stepping = createStepping({ app: 'shop', tm, steps: [grpcStep], logger: silentLogger })
  await stepping.start()
  participant = tm.participant!
  addStep = (args) => void stepping.createJob().addStep(grpcStep, args)
})

beforeEach(() => {
  received.length = 0
  answer = (callback) => callback(null, Buffer.from('anything'))
})

afterAll(() => server.forceShutdown())

/** One attempt of the step with args as a job stores them. */
async function attempt(
  change: Partial<GrpcStepArgs> = {},
  call: Partial<StepCall> = {},
): Promise<StepOutcome> {
  const args = { ...grpcCall(target, create, { sku: 'A1' }), ...change }
  return await participant.runStep({
    gid: 'job-1',
    index: 2,
    name: grpcStep.name,
    args: JSON.stringify(args),
    attempt: 1,
    signal: new AbortController().signal,
    ...call,
  })
}

describe('a gRPC step', () => {
  it('calls the method with the request and the idempotency key', async () => {
    expect(await attempt()).toEqual({ done: true })
    expect(received.map(({ shipment }) => shipment)).toEqual([{ sku: 'A1' }])
    expect(received[0]!.metadata.get('idempotency-key')).toEqual(['job-1/2'])
  })

  it("sends the job's own metadata", async () => {
    await attempt({ metadata: { 'x-tenant': 'acme', 'Idempotency-Key': 'mine' } })
    expect(received[0]!.metadata.get('x-tenant')).toEqual(['acme'])
    expect(received[0]!.metadata.get('idempotency-key')).toEqual(['mine'])
  })

  it('is the same call under a transaction manager that does not make it itself', async () => {
    expect(await attempt({ direct: true })).toEqual({ done: true })
    expect(received).toHaveLength(1)
  })

  it('fails with what the service answered, of which the message says who and what', async () => {
    answer = (callback) => callback({ code: status.ALREADY_EXISTS, details: 'there is one' })
    expect(await attempt()).toMatchObject({
      done: false,
      park: false,
      error: {
        code: 'GRPC_STATUS',
        message: `${target}/shop.Shipping/Create answered ALREADY_EXISTS: there is one`,
      },
    })
  })

  it('fails when the service does not answer in time', async () => {
    answer = () => {}
    expect(await attempt({ timeoutMs: 100 })).toMatchObject({
      done: false,
      error: { code: 'GRPC_STATUS', message: expect.stringContaining('DEADLINE_EXCEEDED') },
    })
  })

  it('fails when nobody is there', async () => {
    expect(await attempt({ target: '127.0.0.1:9' })).toMatchObject({
      done: false,
      error: { message: expect.stringContaining('UNAVAILABLE') },
    })
  })

  it('stops when its attempt is told to', async () => {
    const stop = new AbortController()
    answer = () => stop.abort()
    expect(await attempt({}, { signal: stop.signal })).toMatchObject({
      done: false,
      interrupted: true,
    })
  })
})

describe('at addStep', () => {
  const wrong: [name: string, change: Partial<Record<keyof GrpcStepArgs, unknown>>][] = [
    ['a URL for the target', { target: 'http://shipping:50051' }],
    ['a target without a port', { target: 'shipping' }],
    ['a path that is none', { path: 'shop.Shipping.Create' }],
    ['a message that is not base64', { message: 'héllo' }],
    ['no message', { message: undefined }],
    ['binary metadata', { metadata: { 'trace-bin': 'AA==' } }],
    ['metadata of gRPC itself', { metadata: { 'grpc-timeout': '1S' } }],
    ['metadata that is no ASCII', { metadata: { name: 'déjà vu' } }],
    ['a time of nothing', { timeoutMs: 0 }],
    ['more time than a step has', { timeoutMs: 300_001 }],
    ['a direct call with metadata', { direct: true, metadata: { a: 'b' } }],
    ['a direct call with a time', { direct: true, timeoutMs: 1_000 }],
    ['a direct call with TLS', { direct: true, tls: true }],
  ]

  it.each(wrong)('%s is refused', (_name, change) => {
    const args = { ...grpcCall(target, create, { sku: 'A1' }), ...change } as GrpcStepArgs
    const made = (): void => addStep(args)
    expect(made).toThrow(expect.objectContaining({ code: 'ARGS_INVALID' }))
  })

  it.each(['shipping:50051', '[::1]:50051', 'shipping.internal:443'])('%s is a target', (where) => {
    expect(() => addStep(grpcCall(where, create, { sku: 'A1' }))).not.toThrow()
  })
})
