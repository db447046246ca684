import { once } from 'node:events'
import { constants, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { NoAnswer } from '../src/dtm-api.ts'
import { DtmClient } from '../src/grpc/dtm-client.ts'
import { openOrders, startApp } from './app.ts'
import type { App, AppOptions, OrdersDatabase } from './app.ts'
import { dtmGrpcProxy } from './dtm-grpc-proxy.ts'
import type { DtmGrpcProxy } from './dtm-grpc-proxy.ts'

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
): Promise<App & { readonly proxy: DtmGrpcProxy }> {
  const proxy = await dtmGrpcProxy(server.grpc)
  const app = await startApp({ server: server.url, grpc: proxy.address, orders, options })
  return { ...app, proxy }
}

async function place({ stepping, note }: App, sku: string): Promise<void> {
  await stepping.transaction(orders.database, async (tx, job) => {
    await tx.execute(sql`insert into orders values (${sku})`)
    job.addStep(note, sku)
  })
}

test('a connection that went dead costs the call that notices it, and no other', async () => {
  const app = await open({ requestTimeoutMs: 1_000 })
  await place(app, 'before')
  app.proxy.deaden()
  await expect(place(app, 'noticed')).rejects.toMatchObject({ code: 'TM_UNREACHABLE' })
  await place(app, 'after')
  await app.noted('after', 2_500)
  expect(app.notes).toEqual(['before', 'after'])
})

test('a submit that had to wait for a connection is not sent after its time', async () => {
  const app = await open()
  const job = await orders.db.transaction(async (tx) => {
    const prepared = app.stepping.createJob(orders.database.context(tx)).addStep(app.note, 'late')
    await prepared.prepareAndInsertBarrier()
    return prepared
  })
  const release = app.proxy.hold()
  const submitted = job.submit()
  // DTM may ask after three seconds; the last submit leaves a second before.
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  release()
  expect(await submitted).toEqual({ gid: job.gid, submitted: false })
  await app.finished(job.gid)
  expect(app.proxy.bodies('submit')).toEqual([])
  expect(app.notes).toEqual(['late'])
})

test('a submit that a server sends back is not sent again by grpc-js', async () => {
  let streams = 0
  const refusing = createServer().on('stream', (stream) => {
    streams++
    stream.on('error', () => {})
    stream.close(constants.NGHTTP2_REFUSED_STREAM)
  })
  await once(refusing.listen(0, '127.0.0.1'), 'listening')
  const { port } = refusing.address() as AddressInfo
  const client = new DtmClient(`127.0.0.1:${port}`, 2_000)
  onTestFinished(() => {
    client.close()
    refusing.close()
  })
  await expect(client.call('Submit', Buffer.alloc(0))).rejects.toBeInstanceOf(NoAnswer)
  expect(streams).toBe(1)
})

test('an app does not start where orders do not get through', async () => {
  const starting = startApp({ server: server.url, grpc: '127.0.0.1:9', orders })
  await expect(starting).rejects.toMatchObject({
    code: 'TM_UNREACHABLE',
    message: expect.stringContaining('no gRPC API at 127.0.0.1:9'),
  })
})

test('health tells that orders do not get through, and when they do again', async () => {
  const app = await open({ requestTimeoutMs: 1_000 })
  const release = app.proxy.hold()
  expect(await app.stepping.health()).toMatchObject({
    ok: false,
    error: expect.stringContaining('no gRPC API'),
  })
  release()
  await vi.waitFor(async () => expect(await app.stepping.health()).toMatchObject({ ok: true }), {
    timeout: 10_000,
  })
})
