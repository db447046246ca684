import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createStepping, defineStep, silentLogger, unchecked } from '@stepping/core'
import { takeDtm } from '@stepping/test-support'
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
  readonly port: number
  close(): Promise<unknown>
}

type Handler = Dtm['handler']

async function onNode(listener: Parameters<typeof createServer>[1]): Promise<Listening> {
  const listening = createServer(listener).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return {
    port: (listening.address() as AddressInfo).port,
    async close() {
      listening.closeAllConnections()
      listening.close()
      await once(listening, 'close')
    },
  }
}

const frameworks: Record<string, (handler: Handler) => Promise<Listening>> = {
  'node:http': async (handler) => await onNode(toNodeListener(handler)),

  Express: async (handler) => await onNode(express().use('/stepping', toNodeListener(handler))),

  'Express behind a JSON parser': async (handler) =>
    await onNode(express().use(express.json()).use('/stepping', toNodeListener(handler))),

  Fastify: async (handler) => {
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
    await app.listen({ host: '127.0.0.1', port: 0 })
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
  },

  Hono: async (handler) => {
    const app = new Hono().all('/stepping', (context) => handler(context.req.raw))
    return await onNode(toNodeListener(app.fetch))
  },
}

test.each(Object.entries(frameworks))('steps are called through %s', async (_name, mount) => {
  const door = Promise.withResolvers<Dtm>()
  const listening = await mount(async (request) => (await door.promise).handler(request))
  const notes: unknown[] = []
  const done = Promise.withResolvers<void>()
  const note = defineStep({
    name: 'Note',
    args: unchecked<unknown>(),
    run: ({ args }) => void notes.push(args),
  })
  const tm = dtm({
    server: server.url,
    callbackUrl: `http://${server.callbackHost}:${listening.port}/stepping`,
    secrets: [secret],
  })
  door.resolve(tm)
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
