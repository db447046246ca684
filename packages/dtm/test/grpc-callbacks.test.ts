import { createHmac } from 'node:crypto'
import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import { defineStep, newGid, retryLater } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { encodeFields } from '../src/protobuf.ts'
import { definition } from '../src/grpc/service.ts'
import { openOrders, secret, startApp } from './app.ts'
import type { App, AppOptions, OrdersDatabase } from './app.ts'

let server: TakenDtm
let orders: OrdersDatabase

beforeAll(async () => {
  server = await takeDtm()
  orders = await openOrders()
}, 600_000)

afterAll(async () => {
  await orders.close()
  await server.stop()
})

async function open(more: Partial<AppOptions> = {}): Promise<App> {
  return await startApp({ server: server.url, grpc: server.grpc, orders, ...more })
}

function macOf(text: string, key = secret): string {
  return createHmac('sha256', key).update(text).digest('hex')
}

interface Reply {
  readonly code: status
  readonly details: string
}

/** A call as DTM makes it. */
async function call(
  { callbackUrl }: App,
  method: keyof typeof definition,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
): Promise<Reply> {
  const client = new Client(callbackUrl, credentials.createInsecure())
  onTestFinished(() => client.close())
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  const { path, requestSerialize, responseDeserialize } = definition[method]
  return await new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      body,
      metadata,
      {},
      (error, reply) => resolve(error ?? { code: status.OK, details: reply!.toString() }),
    )
  })
}

/** What the test says otherwise of the call of a step. */
interface Change {
  readonly body?: Record<string, unknown>
  readonly text?: string
  readonly mac?: string | null
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly bytes?: Buffer
}

async function callStep(
  app: App,
  { body, text, mac, key, headers, bytes }: Change = {},
): Promise<Reply> {
  const gid = newGid()
  const sent =
    text ?? JSON.stringify({ app: 'shop', gid, index: 0, step: 'Note', args: 'hi', ...body })
  const message = encodeFields([
    [1, sent],
    ...(mac === null ? [] : [[2, mac ?? macOf(sent)] as const]),
    ...(key === undefined ? [] : [[3, key] as const]),
  ])
  return await call(app, 'runStep', bytes ?? message, {
    'dtm-gid': (body?.['gid'] as string | undefined) ?? gid,
    'dtm-trans_type': 'msg',
    'dtm-branch_id': '01',
    'dtm-op': 'action',
    ...headers,
  })
}

/** The question whether a job committed, as DTM asks it. */
async function ask(
  app: App,
  reference: Readonly<Record<string, string>>,
  mac?: string | null,
): Promise<Reply> {
  const { gid = '', app: name = 'shop', database = null, identity = null } = reference
  const params = new URLSearchParams({ gid, app: name, ...reference })
  const signed = macOf(JSON.stringify([gid, name, database, null, identity]))
  if (mac !== null) params.set('mac', mac ?? signed)
  return await call(app, 'queryPrepared', Buffer.alloc(0), {
    'dtm-gid': gid,
    'dtm-trans_type': 'msg',
    'dtm-branch_id': '00',
    'dtm-op': 'msg',
    'stepping-job': params.toString(),
  })
}

async function newReference(): Promise<Record<string, string>> {
  return { gid: newGid(), database: 'orders', identity: await orders.database.identity() }
}

async function barrierOf({ gid }: Record<string, string>): Promise<unknown[]> {
  return await orders.query('select reason from stepping.barrier where gid = $1', [gid])
}

describe('a call of a step over gRPC', () => {
  test('as DTM makes it is answered with OK, and without a word of the step', async () => {
    const app = await open()
    expect(await callStep(app)).toEqual({ code: status.OK, details: '' })
    expect(app.notes).toEqual(['hi'])
  })

  const forged: [name: string, change: Change, code: status][] = [
    ['without a MAC', { mac: null }, status.UNAUTHENTICATED],
    ['with an empty MAC', { mac: '' }, status.UNAUTHENTICATED],
    ['with a MAC that is none', { mac: 'x'.repeat(64) }, status.UNAUTHENTICATED],
    ['with a MAC of another message', { mac: macOf('{}') }, status.UNAUTHENTICATED],
    ['with a MAC by a stranger', { text: '{}', mac: macOf('{}', 'x') }, status.UNAUTHENTICATED],
    ['with an unknown key', { key: 'billing' }, status.UNAUTHENTICATED],
    ['of nothing', { bytes: Buffer.alloc(0) }, status.INVALID_ARGUMENT],
    ['of what is no message', { bytes: Buffer.from('{"app":"shop"}') }, status.INVALID_ARGUMENT],
    ['of a field that ends too late', { bytes: Buffer.from([10, 9, 65]) }, status.INVALID_ARGUMENT],
    ['of what is no JSON', { text: '{' }, status.INVALID_ARGUMENT],
    ['with an index that is none', { body: { index: -1 } }, status.INVALID_ARGUMENT],
    ['with a gid that no database keeps', { body: { gid: 'ABC' } }, status.INVALID_ARGUMENT],
    ['for another job', { headers: { 'dtm-gid': newGid() } }, status.INVALID_ARGUMENT],
    ['for another step', { headers: { 'dtm-branch_id': '02' } }, status.INVALID_ARGUMENT],
    ['of another app', { body: { app: 'market' } }, status.PERMISSION_DENIED],
    ['of a saga', { headers: { 'dtm-trans_type': 'saga' } }, status.UNIMPLEMENTED],
    ['of another operation', { headers: { 'dtm-op': 'compensate' } }, status.UNIMPLEMENTED],
    ['that is too large', { body: { args: 'x'.repeat(1_100_000) } }, status.RESOURCE_EXHAUSTED],
  ]

  test.each(forged)('%s is refused', async (_name, change, code) => {
    const app = await open()
    expect(await callStep(app, change)).toMatchObject({ code })
    expect(app.notes).toEqual([])
    expect(app.events).toMatchObject([{ type: 'callback.refused' }])
  })

  test('that has more to it than is known is read as it is meant', async () => {
    const app = await open()
    const gid = newGid()
    const text = JSON.stringify({ app: 'shop', gid, index: 0, step: 'Note', args: 'later version' })
    const bytes = encodeFields([
      [9, 300],
      [1, text],
      [2, macOf(text)],
      [10, 'more'],
    ])
    const reply = await callStep(app, { bytes, headers: { 'dtm-gid': gid } })
    expect(reply).toEqual({ code: status.OK, details: '' })
    expect(app.notes).toEqual(['later version'])
  })

  test('whose step fails has nothing of the error in its answer', async () => {
    const fail = defineStep({
      name: 'Fail',
      run: () => {
        throw new Error('password hunter2 ONGOING')
      },
    })
    const app = await open({ steps: [fail] })
    const { code, details } = await callStep(app, { body: { step: 'Fail', args: undefined } })
    expect([code, details]).toEqual([status.INTERNAL, 'failed'])
  })

  test('whose step wants to wait is answered with FAILED_PRECONDITION', async () => {
    const later = defineStep({ name: 'Later', run: () => retryLater(60_000) })
    const app = await open({ steps: [later] })
    const { code } = await callStep(app, { body: { step: 'Later', args: undefined } })
    expect(code).toBe(status.FAILED_PRECONDITION)
  })

  test('before the app is started is to be tried again', async () => {
    const app = await open({ started: false })
    expect(await callStep(app)).toMatchObject({ code: status.UNAVAILABLE })
    expect(app.notes).toEqual([])
  })

  test('by a program in another language is done where the step is offered to it', async () => {
    const key = 'the secret of the billing service, in Go'
    const callers = { billing: { secrets: [key], steps: ['Note'] } }
    const app = await open({ options: { callers } })
    const gid = newGid()
    const text = `{ "app": "shop", "gid": "${gid}", "index": 0, "step": "Note", "args": "déjà vu" }`
    const made = { text, mac: macOf(text, key), headers: { 'dtm-gid': gid } }
    expect(await callStep(app, made)).toMatchObject({ code: status.UNAUTHENTICATED })
    expect(await callStep(app, { ...made, key: 'billing' })).toMatchObject({ code: status.OK })
    expect(app.notes).toEqual(['déjà vu'])
  })
})

describe('the question over gRPC whether a job committed', () => {
  test('is answered with OK when it did', async () => {
    const app = await open()
    const asked = await newReference()
    await orders.query(
      `insert into stepping.barrier (trans_type, gid, branch_id, op, barrier_id, reason) values ('msg', $1, '00', 'msg', '01', 'msg')`,
      [asked['gid']],
    )
    expect(await ask(app, asked)).toMatchObject({ code: status.OK })
  })

  test('is answered with ABORTED when it did not, and never will', async () => {
    const app = await open()
    const asked = await newReference()
    expect(await ask(app, asked)).toMatchObject({ code: status.ABORTED, details: 'rolled back' })
    expect(await barrierOf(asked)).toEqual([{ reason: 'rollback' }])
  })

  test.each([
    ['a name that is not registered', { database: 'nope' }],
    ['another identity', { identity: 'another' }],
  ])('stays open for a database with %s', async (_name, rest) => {
    const app = await open()
    const asked: Record<string, string> = { ...(await newReference()), ...rest }
    expect(await ask(app, asked)).toMatchObject({ code: status.INTERNAL, details: 'failed' })
    expect(app.events).toMatchObject([{ type: 'job.unresolved' }])
    expect(await barrierOf(asked)).toEqual([])
  })

  test.each([
    ['another gid', { gid: newGid() }],
    ['another app', { app: 'market' }],
    ['another database', { database: 'billing' }],
    ['a tenant', { tenant: 'acme' }],
    ['another identity', { identity: 'another' }],
  ])('is refused with %s than was signed', async (_name, change) => {
    const app = await open()
    const asked = await newReference()
    const mac = macOf(JSON.stringify([asked['gid'], 'shop', 'orders', null, asked['identity']]))
    expect(await ask(app, { ...asked, ...change }, mac)).toMatchObject({
      code: status.UNAUTHENTICATED,
    })
    expect(await barrierOf(asked)).toEqual([])
  })

  test('is refused without a MAC', async () => {
    const app = await open()
    const asked = await newReference()
    expect(await ask(app, asked, null)).toMatchObject({ code: status.UNAUTHENTICATED })
    expect(await barrierOf(asked)).toEqual([])
  })

  test('is refused when nothing says which job is meant', async () => {
    const app = await open()
    const reply = await call(app, 'queryPrepared', Buffer.alloc(0), {
      'dtm-gid': newGid(),
      'dtm-trans_type': 'msg',
      'dtm-branch_id': '00',
      'dtm-op': 'msg',
    })
    expect(reply).toMatchObject({ code: status.INVALID_ARGUMENT })
  })
})

describe('the callback address', () => {
  test('is recognised as that of this app', async () => {
    const app = await open()
    await expect(app.tm.checkCallback()).resolves.toBeUndefined()
  })

  test.each([
    ['nobody is', '127.0.0.1:9'],
    ['another gRPC server is', () => server.grpc],
  ])('at which %s is told', async (_name, address) => {
    const callbackAddress = typeof address === 'string' ? address : address()
    const app = await open({ options: { callbackAddress } })
    await expect(app.tm.checkCallback()).rejects.toMatchObject({ code: 'CALLBACK_UNREACHABLE' })
  })
})
