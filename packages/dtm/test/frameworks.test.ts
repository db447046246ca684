import { once } from 'node:events'
import { createServer } from 'node:http'
import { createStepping, defineStep, silentLogger, unchecked } from '@stepping/core'
import { freePort, takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dtm, toNodeListener } from '../src/index.ts'
import type { Dtm } from '../src/index.ts'
import { secret } from './app.ts'

let server: TakenDtm

beforeAll(async () => {
  server = await takeDtm()
}, 600_000)

afterAll(async () => {
  await server.stop()
})

interface Listening {
  close(): Promise<unknown>
}

type Handler = Dtm['handler']

async function onNode(
  port: number,
  listener: Parameters<typeof createServer>[1],
): Promise<Listening> {
  const listening = createServer(listener).listen(port, '127.0.0.1')
  await once(listening, 'listening')
  return {
    async close() {
      listening.closeAllConnections()
      listening.close()
      await once(listening, 'close')
    },
  }
}

const frameworks: Record<string, (handler: Handler, port: number) => Promise<Listening>> = {
  'node:http': async (handler, port) => await onNode(port, toNodeListener(handler)),

  'node:http, with a handler around ours': async (handler, port) =>
    await onNode(
      port,
      toNodeListener(async (request) => await handler(request)),
    ),

  Express: async (handler, port) =>
    await onNode(port, express().use('/stepping', toNodeListener(handler))),

  'Express behind a JSON parser': async (handler, port) =>
    await onNode(port, express().use(express.json()).use('/stepping', toNodeListener(handler))),

  'Express behind a text parser': async (handler, port) =>
    await onNode(
      port,
      express()
        .use(express.text({ type: '*/*' }))
        .use('/stepping', toNodeListener(handler)),
    ),

  'Express behind a raw parser, with a handler around ours': async (handler, port) =>
    await onNode(
      port,
      express()
        .use(express.raw({ type: '*/*' }))
        .use(
          '/stepping',
          toNodeListener(async (request) => await handler(request)),
        ),
    ),

  Fastify: async (handler, port) => {
    const app = fastify()
    await app.register(async (scope) => {
      // The body stays as it came: the MAC is over its bytes.
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', (_request, _body, done) => done(null))
      const listener = toNodeListener(handler)
      scope.all('/stepping', (request, reply) => {
        reply.hijack()
        listener(request.raw, reply.raw)
      })
    })
    await app.listen({ host: '127.0.0.1', port })
    return { close: () => app.close() }
  },

  Hono: async (handler, port) => {
    const app = new Hono().all('/stepping', (context) => handler(context.req.raw))
    return await onNode(port, toNodeListener(app.fetch))
  },
}

test.each(Object.entries(frameworks))('steps are called through %s', async (_name, mount) => {
  const port = await freePort()
  const notes: unknown[] = []
  const done = Promise.withResolvers<void>()
  const note = defineStep({
    name: 'Note',
    args: unchecked<unknown>(),
    run: ({ args }) => void notes.push(args),
  })
  const tm = dtm({
    server: server.url,
    callbackUrl: `http://${server.callbackHost}:${port}/stepping`,
    secrets: [secret],
  })
  const listening = await mount(tm.handler, port)
  const args = { text: 'ключ "\\" 🚀\n<b>', at: 0.1, list: [null, true], 'über/7': {} }
  await using stepping = createStepping({
    app: 'shop',
    tm,
    steps: [note],
    logger: silentLogger,
    onEvent: ({ type }) => type === 'job.finished' && done.resolve(),
  })
  await stepping.start()
  await stepping.createJob().addStep(note, args).start()
  await done.promise
  expect(notes).toEqual([args])
  await listening.close()
})
