import type { Metadata } from '@grpc/grpc-js'
import { httpStep } from '@stepping/core'
import { grpcStep } from '@stepping/grpc-step'
import type { GrpcStepArgs } from '@stepping/grpc-step'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { rawMethod } from '../src/grpc/service.ts'
import { dtmOptions } from '../src/index.ts'
import { listen, startApp } from './app.ts'
import type { App } from './app.ts'
import { listenGrpc } from './listen-grpc.ts'

let server: TakenDtm

beforeAll(async () => {
  server = await takeDtm()
}, 600_000)

afterAll(async () => {
  await server.stop()
})

interface Received {
  readonly body: Buffer
  readonly metadata: Metadata
}

/** Bytes that are no text. */
const message = Buffer.from([10, 2, 255, 254])
const path = '/shop.Shipping/Create'

/** Somebody else's service. */
async function service(): Promise<{ args: GrpcStepArgs; received: Received[] }> {
  const received: Received[] = []
  const listening = await listenGrpc()
  onTestFinished(() => listening.forceShutdown())
  listening.addService(
    { create: rawMethod(path) },
    {
      create: (
        { request, metadata }: { request: Buffer; metadata: Metadata },
        callback: (error: null, reply: Buffer) => void,
      ) => {
        received.push({ body: request, metadata })
        callback(null, Buffer.from('FAILURE ONGOING'))
      },
    },
  )
  const target = `127.0.0.1:${listening.port}`
  return { args: { target, path, message: message.toString('base64') }, received }
}

async function open(over: 'HTTP' | 'gRPC'): Promise<App> {
  const { url, grpc } = server
  return await startApp({ server: url, steps: [grpcStep], ...(over === 'gRPC' && { grpc }) })
}

test.each(['HTTP', 'gRPC'] as const)('over %s a gRPC step is called by the app', async (over) => {
  const { args, received } = await service()
  const app = await open(over)
  const { gid } = await app.stepping.createJob().addStep(grpcStep, args).start()
  await app.finished(gid, 2_500)
  expect(received.map(({ body }) => body)).toEqual([message])
  expect(received[0]!.metadata.get('idempotency-key')).toEqual([`${gid}/0`])
})

describe('a direct one', () => {
  test('is called by DTM over gRPC, with the bytes as they are and without a MAC of the step', async () => {
    const { args, received } = await service()
    const app = await open('gRPC')
    const direct = { ...args, direct: true }
    const job = app.stepping.createJob().addStep(grpcStep, direct).addStep(app.note, 'after')
    await job.start()
    await app.noted('after', 2_500)
    const [call] = received
    expect(call!.body).toEqual(message)
    expect(call!.metadata.getMap()).toMatchObject({
      'dtm-gid': job.gid,
      'dtm-trans_type': 'msg',
      'dtm-branch_id': '01',
      'dtm-op': 'action',
    })
    expect(call!.metadata.get('idempotency-key')).toEqual([])
    await vi.waitFor(
      async () =>
        expect(await app.stepping.jobs.find(job.gid)).toMatchObject({
          state: 'finished',
          steps: [
            { name: 'stepping.grpc', done: true },
            { name: 'Note', done: true },
          ],
        }),
      { timeout: 20_000 },
    )
  })

  test('goes with one over HTTP in one job', async () => {
    const urls: string[] = []
    const { origin } = await listen((request, response) => {
      urls.push(request.url!)
      response.end('ok')
    })
    const { args, received } = await service()
    const app = await open('gRPC')
    const job = app.stepping
      .createJob()
      .addStep(httpStep, { url: `${origin}/a`, json: 1, direct: true })
      .addStep(grpcStep, { ...args, direct: true })
      .addStep(app.note, 'after both')
    await job.start()
    await app.noted('after both', 2_500)
    expect(urls).toEqual([expect.stringMatching(/^\/a\?branch_id=01&gid=/)])
    expect(received).toHaveLength(1)
  })

  test('is refused over HTTP, where DTM has no bytes', async () => {
    const app = await open('HTTP')
    const args = { target: '127.0.0.1:9', path, message: '', direct: true }
    const job = app.stepping.createJob().addStep(grpcStep, args)
    await expect(job.start()).rejects.toMatchObject({ code: 'OPTIONS_INVALID', gid: job.gid })
  })

  test('is refused beside headers that DTM would send there, too', async () => {
    const app = await open('gRPC')
    const args = { target: '127.0.0.1:9', path, message: '', direct: true }
    const tm = dtmOptions({ branchHeaders: { 'x-tenant': 'acme' } })
    const job = app.stepping.createJob({ tm }).addStep(grpcStep, args)
    await expect(job.start()).rejects.toMatchObject({ code: 'OPTIONS_INVALID', gid: job.gid })
  })
})

test.each([
  ['a name', { 'trace-bin': 'AA==' }],
  ['a value', { trace: 'déjà vu' }],
])('headers with %s that gRPC does not send are refused', async (_name, branchHeaders) => {
  const app = await open('gRPC')
  const job = app.stepping
    .createJob({ tm: dtmOptions({ branchHeaders }) })
    .addStep(app.note, 'never')
  await expect(job.start()).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})
