import type { IncomingHttpHeaders } from 'node:http'
import { httpStep } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { dtmOptions } from '../src/index.ts'
import { listen, startApp } from './app.ts'

let server: TakenDtm

beforeAll(async () => {
  server = await takeDtm()
}, 600_000)

afterAll(async () => {
  await server.stop()
})

interface Received {
  readonly method: string | undefined
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Somebody else's service, which answers with this status and body. */
async function service(status = 200, text = ''): Promise<{ origin: string; received: Received[] }> {
  const received: Received[] = []
  const { origin } = await listen((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url = '', headers } = request
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(status).end(text)
    })
  })
  return { origin, received }
}

test('an HTTP step is called by the app, which knows what DTM does not', async () => {
  const { origin, received } = await service(201, 'FAILURE')
  const app = await startApp({ server: server.url })
  const job = app.stepping.createJob().addStep(httpStep, {
    url: `${origin}/a`,
    method: 'PUT',
    json: 1,
    headers: { 'x-token': 'ours' },
  })
  await job.start()
  await app.finished(job.gid, 2_500)
  expect(received).toMatchObject([
    { method: 'PUT', url: '/a', body: '1', headers: { 'x-token': 'ours' } },
  ])
  expect(received[0]!.headers['idempotency-key']).toBe(`${job.gid}/0`)
})

test('a direct one is called by DTM, and learns nothing of ours', async () => {
  const { origin, received } = await service()
  const app = await startApp({ server: server.url })
  const job = app.stepping
    .createJob()
    .addStep(httpStep, { url: `${origin}/a?b=1`, json: { sku: 'A1' }, direct: true })
    .addStep(app.note, 'after')
  await job.start()
  await app.noted('after', 2_500)
  const [call] = received
  expect(call).toMatchObject({ method: 'POST', body: '{"sku":"A1"}' })
  expect(call!.url).toBe(`/a?b=1&branch_id=01&gid=${job.gid}&op=action&trans_type=msg`)
  expect(call!.headers['user-agent']).toContain('go-resty')
  expect(JSON.stringify(call)).not.toContain('mac')
  await vi.waitFor(
    async () => {
      expect(await app.stepping.jobs.find(job.gid)).toMatchObject({
        state: 'finished',
        steps: [
          { name: 'stepping.http', done: true },
          { name: 'Note', done: true },
        ],
      })
    },
    { timeout: 20_000 },
  )
})

test('a direct one is refused beside headers that DTM would send there, too', async () => {
  const app = await startApp({ server: server.url })
  const job = app.stepping
    .createJob({ tm: dtmOptions({ branchHeaders: { 'x-tenant': 'acme' } }) })
    .addStep(httpStep, { url: 'http://127.0.0.1/', json: 1, direct: true })
  await expect(job.start()).rejects.toMatchObject({ code: 'OPTIONS_INVALID', gid: job.gid })
})
