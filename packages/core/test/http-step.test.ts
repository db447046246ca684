import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createStepping, describeError, httpStep, silentLogger } from '@stepping/core'
import type { HttpStepArgs, Participant, StepCall, StepOutcome } from '@stepping/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FakeTransactionManager } from '../src/testing/fake-transaction-manager.ts'

interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const received: Received[] = []
let answer: (response: ServerResponse) => void
let server: Server
let origin: string
let participant: Participant
let addStep: (args: HttpStepArgs) => void

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
      answer(response)
    })
  })
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tm = new FakeTransactionManager()
  const stepping = createStepping({ app: 'shop', tm, steps: [], logger: silentLogger })
  await stepping.start()
  participant = tm.participant!
  addStep = (args) => void stepping.createJob().addStep(httpStep, args)
})

beforeEach(() => {
  received.length = 0
  answer = (response) => response.writeHead(200).end('ok')
})

afterAll(async () => {
  server.closeAllConnections()
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  await closed.promise
})

/** One attempt of the HTTP step with args as a job stores them. */
async function attempt(
  args: Omit<HttpStepArgs, 'url'> & { readonly url?: string },
  call: Partial<StepCall> = {},
): Promise<StepOutcome> {
  return await participant.runStep({
    gid: 'job-1',
    index: 2,
    name: httpStep.name,
    args: JSON.stringify({ url: `${origin}/shipments`, ...args }),
    attempt: 1,
    signal: new AbortController().signal,
    ...call,
  })
}

function answerWith(status: number, body = '', headers = {}): void {
  answer = (response) => response.writeHead(status, headers).end(body)
}

describe('the request of an HTTP step', () => {
  it('is a GET without a body when there is nothing to send', async () => {
    await attempt({ headers: { 'x-tenant': 'acme' } })
    expect(received).toMatchObject([
      { method: 'GET', url: '/shipments', body: '', headers: { 'x-tenant': 'acme' } },
    ])
    expect(received[0]?.headers).not.toHaveProperty('content-type')
  })

  it('is a POST of JSON when there is', async () => {
    await attempt({ json: { orderId: 'ä1' } })
    expect(received).toMatchObject([
      {
        method: 'POST',
        body: '{"orderId":"ä1"}',
        headers: { 'content-type': 'application/json' },
      },
    ])
  })

  it('may send null', async () => {
    await attempt({ json: null })
    expect(received).toMatchObject([{ method: 'POST', body: 'null' }])
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)(
    'is a %s when one says so',
    async (method) => {
      await attempt({ method, json: { a: 1 } })
      expect(received).toMatchObject([{ method, body: '{"a":1}' }])
    },
  )

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] as const)(
    'is a %s without a body when one says so',
    async (method) => {
      await attempt({ method })
      expect(received).toMatchObject([{ method, body: '' }])
    },
  )

  it('carries the gid and the step, by which the endpoint knows a repeat', async () => {
    await attempt({ json: 1 }, { attempt: 1 })
    await attempt({ json: 1 }, { attempt: 2 })
    const keys = received.map(({ headers }) => headers['idempotency-key'])
    expect(keys).toEqual(['job-1/2', 'job-1/2'])
  })

  it('has the headers of the caller in place of its own, in any case of letters', async () => {
    await attempt({
      json: 1,
      headers: { 'Content-Type': 'application/vnd.acme+json', 'Idempotency-Key': 'mine' },
    })
    expect(received[0]?.headers).toMatchObject({
      'content-type': 'application/vnd.acme+json',
      'idempotency-key': 'mine',
    })
  })
})

describe('the answer to an HTTP step', () => {
  it.each([200, 201, 202, 204, 299])('of status %i is success', async (status) => {
    answerWith(status)
    expect(await attempt({ json: 1 })).toEqual({ done: true })
  })

  it.each([304, 400, 404, 409, 425, 429, 500, 503])(
    'of status %i has the step tried again',
    async (status) => {
      answerWith(status)
      expect(await attempt({ json: 1 })).toMatchObject({
        done: false,
        park: false,
        error: { code: 'HTTP_STATUS', message: expect.stringContaining(String(status)) },
      })
    },
  )

  it('counts by its status and not by the words in its body', async () => {
    answerWith(200, 'FAILURE ONGOING')
    expect(await attempt({ json: 1 })).toEqual({ done: true })
  })

  it('that is no success is told with method, path and the beginning of its body', async () => {
    answerWith(503, `try later${'.'.repeat(10_000)}`)
    const outcome = await attempt({ json: 1 })
    const message = String('error' in outcome && outcome.error.message)
    expect(message).toContain(`POST ${origin}/shipments answered 503: try later`)
    expect(message.length).toBeLessThan(500)
  })

  it('that is no success is told without the query, where tokens are', async () => {
    answerWith(500)
    const outcome = await attempt({ url: `${origin}/shipments?token=s3cret`, json: 1 })
    expect(outcome).toMatchObject({ error: { message: expect.not.stringContaining('s3cret') } })
  })

  it('may be missing: a connection that is lost has the step tried again', async () => {
    answer = (response) => response.destroy()
    expect(await attempt({ json: 1 })).toMatchObject({ done: false, park: false })
  })

  it('may be missing: a connection that is refused is told with the address', async () => {
    const gone = createServer()
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
    const { port } = gone.address() as AddressInfo
    await new Promise((resolve) => gone.close(resolve))
    const outcome = await attempt({ url: `http://127.0.0.1:${port}/`, json: 1 })
    const error = outcome.done ? undefined : outcome.error
    expect(describeError(error)).toBe(`fetch failed: connect ECONNREFUSED 127.0.0.1:${port}`)
  })
})

describe('an HTTP step that takes too long', () => {
  it('fails after its own timeout', async () => {
    answer = () => {}
    const outcome = await attempt({ timeoutMs: 50 })
    expect(outcome).toMatchObject({
      done: false,
      interrupted: false,
      error: { name: 'TimeoutError' },
    })
  })

  it('fails also when only the rest of the body is late', async () => {
    answer = (response) => response.writeHead(500).write('begin')
    const outcome = await attempt({ timeoutMs: 50 })
    expect(outcome).toMatchObject({ done: false, error: { name: 'TimeoutError' } })
  })

  it('gives its connection up when its attempt is told to stop', async () => {
    const stop = new AbortController()
    const closed = Promise.withResolvers<void>()
    answer = (response) => {
      response.on('close', closed.resolve)
      stop.abort()
    }
    const outcome = await attempt({}, { signal: stop.signal })
    expect(outcome).toMatchObject({ done: false, interrupted: true })
    await closed.promise
  })
})

describe('adding an HTTP step', () => {
  it.each(['', '/shipments', 'shipments.internal', 'ftp://shipments/', 'file:///etc/passwd'])(
    'is refused with %j, which is no http URL',
    (url) => {
      expect(() => addStep({ url })).toThrow(expect.objectContaining({ code: 'ARGS_INVALID' }))
    },
  )

  it.each(['GET', 'HEAD'] as const)('is refused as a %s with a body', (method) => {
    expect(() => addStep({ url: origin, method, json: 1 })).toThrow(
      expect.objectContaining({ code: 'ARGS_INVALID', message: expect.stringContaining('json') }),
    )
  })

  it('is refused with a password in the URL, which is not repeated', () => {
    const url = 'http://user:s3cret@shipments.internal/'
    expect(() => addStep({ url })).toThrow(
      expect.objectContaining({
        code: 'ARGS_INVALID',
        message: expect.not.stringContaining('s3cret'),
      }),
    )
  })

  it.each([0, -1, 300_001])(
    'is refused with a timeout of %d ms, which it could not keep',
    (timeoutMs) => {
      expect(() => addStep({ url: origin, timeoutMs })).toThrow(
        expect.objectContaining({ message: expect.stringContaining('timeoutMs') }),
      )
    },
  )

  it.each([
    { method: 'PUT', json: 1 },
    { method: 'GET' },
    {},
    { json: 1, headers: { 'x-trace': '7' } },
    { json: 1, timeoutMs: 1_000 },
  ] as const)('is refused as direct when DTM has no words for it: %j', (args) => {
    expect(() => addStep({ url: origin, ...args, direct: true })).toThrow(
      expect.objectContaining({ message: expect.stringContaining('direct') }),
    )
  })

  it('takes a plain POST of JSON as direct, and calls it as ever where nobody else does', async () => {
    addStep({ url: origin, json: null, direct: true })
    expect(await attempt({ json: { a: 1 }, direct: true })).toEqual({ done: true })
    expect(received).toMatchObject([{ method: 'POST', body: '{"a":1}' }])
  })

  it('is refused with a header that HTTP does not allow, instead of failing for ever', () => {
    expect(() => addStep({ url: origin, headers: { 'x-note': 'two\nlines' } })).toThrow(
      expect.objectContaining({ message: expect.stringContaining('headers') }),
    )
  })
})
