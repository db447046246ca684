import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createStepping, defineStep, newGid, retryLater } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { dtm, toNodeListener } from '../src/index.ts'
import type { Dtm } from '../src/index.ts'
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

async function open(
  options: AppOptions['options'] = {},
  steps: AppOptions['steps'] = [],
): Promise<App> {
  return await startApp({ server: server.url, orders, options, steps })
}

function macOf(text: string, key = secret): string {
  return createHmac('sha256', key).update(text).digest('hex')
}

/** A call of a step as DTM makes it, unless the test says otherwise. */
interface Call {
  readonly body?: Record<string, unknown>
  readonly text?: string
  readonly query?: Record<string, string>
  readonly mac?: string | null
  readonly method?: string
}

async function call(
  app: App,
  { body, text, query = {}, mac, method = 'POST' }: Call,
): Promise<Response> {
  const gid = newGid()
  const sent =
    text ?? JSON.stringify({ app: 'shop', gid, index: 0, step: 'Note', args: 'hi', ...body })
  const url = new URL(app.callbackUrl)
  if (mac !== null) url.searchParams.set('mac', mac ?? macOf(sent))
  const added = {
    branch_id: '01',
    gid: (body?.['gid'] as string | undefined) ?? gid,
    op: 'action',
    trans_type: 'msg',
  }
  for (const [name, value] of Object.entries({ ...added, ...query }))
    url.searchParams.append(name, value)
  return await fetch(url, { method, ...(method === 'GET' ? {} : { body: sent }) })
}

/** The question whether a job committed, as DTM asks it. */
async function ask(
  app: App,
  reference: Record<string, string>,
  mac?: string | null,
): Promise<Response> {
  const {
    gid = '',
    app: name = 'shop',
    database = null,
    tenant = null,
    identity = null,
  } = reference
  const url = new URL(app.callbackUrl)
  for (const [key, value] of Object.entries({ gid, app: name, ...reference }))
    url.searchParams.set(key, value)
  const signed = macOf(JSON.stringify([gid, name, database, tenant, identity]))
  if (mac !== null) url.searchParams.set('mac', mac ?? signed)
  for (const [key, value] of Object.entries({ branch_id: '00', gid, op: 'msg', trans_type: 'msg' }))
    url.searchParams.append(key, value)
  return await fetch(url)
}

/** What is answered to a call of which more is sent than may be, without saying how much. */
async function statusOfUpload(url: string): Promise<number | undefined> {
  const { promise: status, resolve, reject } = Promise.withResolvers<number | undefined>()
  const options = { method: 'POST' }
  const request = httpRequest(`${url}?trans_type=msg&op=action`, options, (response) =>
    resolve(response.statusCode),
  )
  request.on('error', reject)
  for (let kib = 0; kib < 1_100; kib++) request.write('x'.repeat(1_024))
  return await status.finally(() => request.destroy())
}

describe('a call of a step', () => {
  test('as DTM makes it is answered with 200, and without a word of the step', async () => {
    const app = await open()
    const response = await call(app, { body: { args: 'FAILURE ONGOING' } })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{"result":"done"}')
    expect(app.notes).toEqual(['FAILURE ONGOING'])
  })

  const forged: [name: string, call: Call, status: number][] = [
    ['without a MAC', { mac: null }, 401],
    ['with an empty MAC', { mac: '' }, 401],
    ['with a MAC that is none', { mac: 'x'.repeat(64) }, 401],
    ['with a MAC by another secret', { text: '{}', mac: macOf('{}', 'x'.repeat(32)) }, 401],
    ['with a MAC of another body', { mac: macOf('{}') }, 401],
    ['with an unknown key', { query: { key: 'billing' } }, 401],
    ['of nothing', { text: '' }, 400],
    ['of what is no JSON', { text: '{' }, 400],
    ['of JSON that is no object', { text: 'null' }, 400],
    ['without a step', { text: '{"app":"shop","gid":"a","index":0}' }, 400],
    ['with an index that is none', { body: { index: -1 } }, 400],
    ['with an index that is a text', { body: { index: '0' } }, 400],
    ['with a gid that no database keeps as it is', { body: { gid: 'ABC' } }, 400],
    ['for another job than DTM calls for', { query: { gid: newGid() } }, 400],
    ['for another step than DTM calls for', { query: { branch_id: '02' } }, 400],
    ['of another app', { body: { app: 'market' } }, 403],
    ['by PUT', { method: 'PUT' }, 405],
    ['by GET, as after a redirect', { method: 'GET' }, 405],
    ['of another kind of transaction', { query: { trans_type: 'saga' } }, 405],
  ]

  test.each(forged)('%s is refused', async (_name, made, status) => {
    const app = await open()
    const response = await call(app, made)
    expect(response.status).toBe(status)
    expect(app.notes).toEqual([])
    expect(app.events).toMatchObject([{ type: 'callback.refused' }])
  })

  test('with a body too large is refused before it is read', async () => {
    const app = await open()
    const response = await call(app, { body: { args: 'x'.repeat(1_100_000) } })
    expect(response.status).toBe(413)
    expect(app.notes).toEqual([])
  })

  test('with a body too large that does not say so is refused once it is', async () => {
    const app = await open()
    expect(await statusOfUpload(app.callbackUrl)).toBe(413)
  })

  test('with a body too large is refused where somebody in front has set an encoding, too', async () => {
    const app = await open()
    const listener = toNodeListener((app.tm as Dtm).handler)
    const front = createServer((incoming, response) => {
      incoming.setEncoding('utf8')
      listener(incoming, response)
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void front.close())
    await once(front, 'listening')
    const { port } = front.address() as AddressInfo
    expect(await statusOfUpload(`http://127.0.0.1:${port}/`)).toBe(413)
  })

  test('of a step that nobody knows is told, and to be tried again', async () => {
    const app = await open()
    expect((await call(app, { body: { step: 'Nope' } })).status).toBe(500)
    expect((await call(app, { body: { step: 'Nope' } })).status).toBe(500)
    expect(app.events).toEqual([
      { type: 'step.unknown', step: 'Nope', advice: ' Did you mean Note?' },
    ])
    expect((await app.stepping.health()).unknownSteps).toEqual(['Nope'])
  })

  test('before the app is started is to be tried again', async () => {
    const app = await startApp({ server: server.url, orders, started: false })
    expect((await call(app, {})).status).toBe(503)
    expect(app.notes).toEqual([])
  })

  test('whose step fails is answered with 500 and nothing of the error', async () => {
    const fail = defineStep({
      name: 'Fail',
      run: () => {
        throw new Error('password hunter2 FAILURE')
      },
    })
    const app = await open({}, [fail])
    const response = await call(app, { body: { step: 'Fail', args: undefined } })
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('{"result":"failed"}')
  })

  test('whose step wants to wait is answered with 425', async () => {
    const later = defineStep({ name: 'Later', run: () => retryLater(60_000) })
    const app = await open({}, [later])
    const response = await call(app, { body: { step: 'Later', args: undefined } })
    expect(response.status).toBe(425)
  })
})

async function newReference(): Promise<Record<string, string>> {
  const { name } = orders.database.ref
  return {
    gid: newGid(),
    app: 'shop',
    database: name,
    identity: await orders.database.identity(),
  }
}

describe('the question whether a job committed', () => {
  test('is answered with 200 when it did', async () => {
    const app = await open()
    const asked = await newReference()
    await orders.query(
      `insert into stepping.barrier (trans_type, gid, branch_id, op, barrier_id, reason) values ('msg', $1, '00', 'msg', '01', 'msg')`,
      [asked['gid']],
    )
    expect((await ask(app, asked)).status).toBe(200)
  })

  test('is answered with 409 when it did not, and never will', async () => {
    const app = await open()
    const asked = await newReference()
    expect((await ask(app, asked)).status).toBe(409)
    const [row] = await orders.query('select reason from stepping.barrier where gid = $1', [
      asked['gid'],
    ])
    expect(row).toEqual({ reason: 'rollback' })
  })

  test('is answered with 200 for a job without a transaction', async () => {
    const app = await open()
    expect((await ask(app, { gid: newGid(), app: 'shop' })).status).toBe(200)
  })

  test.each([
    ['a name that is not registered', { database: 'nope' }, 'DATABASE_NOT_REGISTERED'],
    ['another identity', { identity: 'another' }, 'DATABASE_CHANGED'],
  ])('stays open for a database with %s, and is told', async (_name, rest, code) => {
    const app = await open()
    const asked: Record<string, string> = { ...(await newReference()), ...rest }
    expect((await ask(app, asked)).status).toBe(500)
    expect(app.events).toMatchObject([{ type: 'job.unresolved', error: { code } }])
    expect(
      await orders.query('select 1 from stepping.barrier where gid = $1', [asked['gid']]),
    ).toEqual([])
  })

  test('is answered by a process that only adds jobs', async () => {
    const app = await startApp({ server: server.url, orders, execute: false })
    expect((await ask(app, await newReference())).status).toBe(409)
    expect((await call(app, {})).status).toBe(503)
  })

  const changes: [string, Record<string, string>][] = [
    ['gid', { gid: newGid() }],
    ['app', { app: 'market' }],
    ['database', { database: 'billing' }],
    ['tenant', { tenant: 'acme' }],
    ['identity', { identity: 'another' }],
  ]

  test.each(changes)('is refused with another %s than was signed', async (_name, change) => {
    const app = await open()
    const asked = await newReference()
    const mac = macOf(JSON.stringify([asked['gid'], 'shop', 'orders', null, asked['identity']]))
    const response = await ask(app, { ...asked, ...change }, mac)
    expect(response.status).toBe(401)
    expect(
      await orders.query('select 1 from stepping.barrier where gid = $1', [asked['gid']]),
    ).toEqual([])
    expect(app.events).toMatchObject([{ type: 'callback.refused', reason: 'wrong MAC' }])
  })

  test('is refused without a MAC', async () => {
    const app = await open()
    expect((await ask(app, await newReference(), null)).status).toBe(401)
  })
})

describe('secrets', () => {
  const old = 'an older secret of at least thirty-two characters'

  test('are believed for as long as they are listed', async () => {
    const body = { app: 'shop', gid: newGid(), index: 0, step: 'Note', args: 'old' }
    const text = JSON.stringify(body)
    const made = { text, query: { gid: body.gid }, mac: macOf(text, old) }
    const rotating = await open({ secrets: [secret, old] })
    expect((await call(rotating, made)).status).toBe(200)
    const rotated = await open({ secrets: [secret] })
    expect((await call(rotated, made)).status).toBe(401)
  })

  test('that are replaced do not stop a job that was sent under the old one', async () => {
    const app = await open({ secrets: [secret, old] })
    const tm = dtm({ server: server.url, callbackUrl: app.callbackUrl, secrets: [old] })
    await using sender = createStepping({ app: 'shop', tm, steps: [app.note], execute: false })
    const { gid } = await sender.createJob().addStep(app.note, 'sent before').start()
    await app.finished(gid)
    expect(app.notes).toEqual(['sent before'])
  })

  test('are not needed where the app says that everybody may come', async () => {
    const app = await open({ insecure: true, secrets: undefined } as never)
    expect((await call(app, { mac: null })).status).toBe(200)
  })
})
