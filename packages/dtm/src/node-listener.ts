import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { replyHeaders } from './answer.ts'
import { answeringBehind } from './handler.ts'
import type { Answering, CallbackRequest, WebHandler } from './handler.ts'

/** What Express and others have made of the body, if they came first. */
type Incoming = IncomingMessage & { readonly originalUrl?: string; readonly body?: unknown }

/**
 * Lets a handler of web requests answer those of `node:http`, and of what is built on it.
 *
 * @example
 * createServer(toNodeListener(tm.handler)).listen(8080)
 * express().use('/stepping', toNodeListener(tm.handler))
 */
export function toNodeListener(
  handler: WebHandler,
): (request: IncomingMessage, response: ServerResponse) => void {
  // A request and a response of the web, with their streams, cost more than all the rest of a call.
  const answering = answeringBehind(handler)
  return (request, response) => {
    const answered = answering
      ? answer(answering, request, response)
      : answerByWeb(handler, request, response)
    void answered.catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined)
    })
  }
}

async function answer(
  answering: Answering,
  incoming: Incoming,
  outgoing: ServerResponse,
): Promise<void> {
  const { method = 'GET', headers } = incoming
  const { status, body } = await answering({
    method,
    url: urlOf(incoming),
    announcedBytes: Number(headers['content-length'] ?? 0),
    body: chunksOf(incoming),
  })
  outgoing.statusCode = status
  for (const [name, value] of Object.entries(replyHeaders)) outgoing.setHeader(name, value)
  outgoing.end(body)
}

function chunksOf(incoming: Incoming): CallbackRequest['body'] {
  const parsed = parsedBody(incoming)
  return parsed === undefined ? incoming : [parsed]
}

async function answerByWeb(
  handler: WebHandler,
  incoming: Incoming,
  outgoing: ServerResponse,
): Promise<void> {
  const answered = await handler(toRequest(incoming))
  const body = Buffer.from(await answered.arrayBuffer())
  outgoing.writeHead(answered.status, Object.fromEntries(answered.headers))
  outgoing.end(body)
}

function toRequest(incoming: Incoming): Request {
  const { method = 'GET' } = incoming
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const address = urlOf(incoming)
  if (method === 'GET' || method === 'HEAD') return new Request(address, { method, headers })
  const body = parsedBody(incoming) ?? Readable.toWeb(incoming)
  return new Request(address, { method, headers, body, duplex: 'half' })
}

function urlOf({ url = '/', originalUrl = url }: Incoming): URL {
  return new URL(originalUrl, 'http://localhost')
}

/** A body parser in front has consumed the stream; what it made of our own JSON prints as the same text again. */
function parsedBody({
  body,
  readableEnded,
}: Incoming): string | Uint8Array<ArrayBuffer> | undefined {
  if (body === undefined || !readableEnded) return undefined
  if (typeof body === 'string') return body
  return body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body)
}
