import type { RequestListener } from 'node:http'
import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { listen, startApp } from './app.ts'
import { witness } from './witness.ts'

let server: TakenDtm

beforeAll(async () => {
  server = await takeDtm()
}, 600_000)

afterAll(async () => {
  await server.stop()
})

test.each([
  [301, 405, 'turns the call into a GET, which is refused'],
  [302, 405, 'turns the call into a GET, which is refused'],
  [307, 200, 'keeps the call as it is'],
])('a redirect by %i to the app %s %s', async (status, answer) => {
  const seen = witness()
  const app = await startApp({ server: server.url, before: seen.before })
  const { origin } = await listen((request, response) => {
    response.writeHead(status, { location: `${app.callbackUrl}${request.url}` }).end()
  })
  const moved = await startApp({ server: server.url, options: { callbackUrl: origin } })
  await moved.stepping.createJob().addStep(moved.note, 'moved').start()
  await vi.waitFor(() => expect(seen.calls.map((call) => call.status)).toEqual([answer]), {
    timeout: 20_000,
  })
  expect([...app.notes, ...moved.notes]).toEqual(answer === 200 ? ['moved'] : [])
})

const others: Record<string, RequestListener> = {
  'a redirect to a login page': (_request, response) => {
    response.writeHead(302, { location: '/login' }).end()
  },
  'a login page': (_request, response) => {
    response.writeHead(200).end('<h1>Who are you?</h1>')
  },
  'another app': (_request, response) => {
    response.writeHead(200).end(JSON.stringify({ result: 'here' }))
  },
}

test.each(Object.entries(others))(
  '%s is found by the check of the callback',
  async (_name, listener) => {
    const { origin } = await listen(listener)
    const app = await startApp({
      server: server.url,
      options: { callbackUrl: `${origin}/stepping` },
    })
    await expect(app.tm.checkCallback()).rejects.toMatchObject({ code: 'CALLBACK_UNREACHABLE' })
  },
)

test('nobody is found by the check of the callback', async () => {
  const app = await startApp({
    server: server.url,
    options: { callbackUrl: 'http://127.0.0.1:9/' },
  })
  await expect(app.tm.checkCallback()).rejects.toMatchObject({
    code: 'CALLBACK_UNREACHABLE',
    message: expect.stringContaining('fetch failed'),
  })
})

test('the app itself passes the check, and no word of its answer is a MAC for anything else', async () => {
  const app = await startApp({ server: server.url })
  await app.tm.checkCallback()
  const asked = `${app.callbackUrl}?check=${encodeURIComponent('{"app":"shop"}')}`
  expect((await fetch(asked)).status).toBe(400)
})

test('the address of DTM may be written as its own clients want it', async () => {
  const app = await startApp({ server: `${server.url}/api/dtmsvr/` })
  const { gid } = await app.stepping.createJob().addStep(app.note, 'hello').start()
  await app.finished(gid, 2_500)
  expect(app.notes).toEqual(['hello'])
})
