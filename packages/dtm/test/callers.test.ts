import { createHmac, randomUUID } from 'node:crypto'
import { defineStep, newGid, unchecked } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { dtm } from '../src/index.ts'
import { openOrders, secret, startApp } from './app.ts'
import type { App, OrdersDatabase } from './app.ts'
import { witness } from './witness.ts'
import type { Witness } from './witness.ts'

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

const key = 'the secret of the billing service, in Go'

async function open(): Promise<App & { readonly seen: Witness; readonly secret: unknown[] }> {
  const seen = witness()
  const done: unknown[] = []
  const hidden = defineStep({
    name: 'Hidden',
    args: unchecked<string>(),
    run: ({ args }) => void done.push(args),
  })
  const app = await startApp({
    server: server.url,
    steps: [hidden],
    before: seen.before,
    options: { callers: { billing: { secrets: [key], steps: ['Note'] } } },
  })
  return { ...app, seen, secret: done }
}

/**
 * The recipe of docs/dtm.md, written by hand as another language would: a message of its own to DTM,
 * with one step at our endpoint.
 */
async function sendAsBilling(
  { callbackUrl }: App,
  { step = 'Note', by = key, name = 'billing' }: { step?: string; by?: string; name?: string } = {},
): Promise<string> {
  const gid = randomUUID()
  const body = `{ "app": "shop", "gid": "${gid}", "index": 0,\n  "step": "${step}", "args": "déjà vu" }`
  const mac = createHmac('sha256', by).update(body, 'utf8').digest('hex')
  const response = await fetch(`${server.url}/api/dtmsvr/submit`, {
    method: 'POST',
    body: JSON.stringify({
      gid,
      trans_type: 'msg',
      steps: [{ action: `${callbackUrl}?key=${name}&mac=${mac}` }],
      payloads: [body],
    }),
  })
  expect(response.status).toBe(200)
  return gid
}

describe('a program in another language', () => {
  test('has a step done that is offered to it', async () => {
    const app = await open()
    await sendAsBilling(app)
    await app.noted('déjà vu', 2_500)
    expect(app.seen.answers('POST')).toEqual([200])
  })

  test.each([
    ['a step that is not offered to it', { step: 'Hidden' }, 403],
    ["the app's own secret", { by: secret }, 401],
    ['a secret of nobody', { by: 'x'.repeat(40) }, 401],
    ['a name that nobody has', { name: 'shipping' }, 401],
    ['a name that every object has', { name: 'constructor' }, 401],
  ])('is refused with %s', async (_name, change, status) => {
    const app = await open()
    await sendAsBilling(app, change)
    await vi.waitFor(() => expect(app.seen.answers('POST')).toEqual([status]), { timeout: 20_000 })
    expect([...app.notes, ...app.secret]).toEqual([])
  })

  test('cannot sign for the app itself', async () => {
    const app = await open()
    const body = JSON.stringify({ app: 'shop', gid: newGid(), index: 0, step: 'Note', args: 'x' })
    const mac = createHmac('sha256', key).update(body).digest('hex')
    const response = await fetch(`${app.callbackUrl}?mac=${mac}&trans_type=msg&op=action`, {
      method: 'POST',
      body,
    })
    expect(response.status).toBe(401)
  })

  test("is not given one of the app's own secrets", () => {
    const callers = { billing: { secrets: [secret], steps: ['Note'] } }
    const made = (): unknown =>
      dtm({ server: server.url, callbackUrl: 'http://shop/', secrets: [secret], callers })
    expect(made).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
    expect(made).not.toThrow(secret)
  })

  test.each(['a name with a stroke/', '', 'x'.repeat(65)])('is not called %j', (name) => {
    const callers = { [name]: { secrets: [key], steps: ['Note'] } }
    const made = (): unknown =>
      dtm({ server: server.url, callbackUrl: 'http://shop/', secrets: [secret], callers })
    expect(made).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
  })
})

/** Two processes of the app, whose step puts its text into the orders, once. */
async function openTwo(ledger: boolean) {
  const order = defineStep({
    name: 'Order',
    args: unchecked<string>(),
    run: async ({ args, once, idempotencyKey }) => {
      keys.push(idempotencyKey)
      await once(
        orders.database,
        async (tx) => void (await tx.execute(sql`insert into orders (sku) values (${args})`)),
      )
    },
  })
  const keys: string[] = []
  const openOne = async (): Promise<App> =>
    await startApp({
      server: server.url,
      orders,
      steps: [order],
      options: {
        callers: { billing: { secrets: [key], steps: ['Order'] } },
        ...(ledger && { ledger: orders.database }),
      },
    })
  return { order, keys, first: await openOne(), second: await openOne() }
}

/** Without DTM, which has each gid once: whoever reaches the callback URL can. */
async function callAsBilling(app: App, message: { gid: string; args: string }): Promise<number> {
  const body = JSON.stringify({ app: 'shop', index: 0, step: 'Order', last: true, ...message })
  const url = new URL(app.callbackUrl)
  const mac = createHmac('sha256', key).update(body).digest('hex')
  const called = { trans_type: 'msg', op: 'action', branch_id: '01', gid: message.gid }
  url.search = new URLSearchParams({ key: 'billing', mac, ...called }).toString()
  return (await fetch(url, { method: 'POST', body })).status
}

describe('a program that gives the gid of a job of the app', () => {
  test.each([
    ['in its memory', false, 'first'],
    ['in its ledger', true, 'second'],
    ['by once', false, 'second'],
  ] as const)('takes no step from it, %s', async (place, ledger, process) => {
    const app = await openTwo(ledger)
    const gid = newGid()
    expect(await callAsBilling(app.first, { gid, args: `billing, ${place}` })).toBe(200)
    expect(await orders.skus()).toContain(`billing, ${place}`)
    expect([...app.first.events, ...app.second.events]).toEqual([])
    const runs = app[process]
    await runs.stepping.createJob({ gid }).addStep(app.order, `own, ${place}`).start()
    await runs.finished(gid)
    expect(await orders.skus()).toContain(`own, ${place}`)
    expect(app.keys).toEqual([`billing/${gid}/0`, `${gid}/0`])
  })
})
