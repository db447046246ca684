import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'

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
  handler: (request: Request) => Response | Promise<Response>,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    void answer(handler, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined)
    })
  }
}

async function answer(
  handler: (request: Request) => Response | Promise<Response>,
  incoming: Incoming,
  outgoing: ServerResponse,
): Promise<void> {
  const answered = await handler(toRequest(incoming))
  const body = Buffer.from(await answered.arrayBuffer())
  outgoing.writeHead(answered.status, Object.fromEntries(answered.headers))
  outgoing.end(body)
}

function toRequest(incoming: Incoming): Request {
  const { method = 'GET', url = '/', originalUrl = url } = incoming
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const address = new URL(originalUrl, 'http://localhost')
  if (method === 'GET' || method === 'HEAD') return new Request(address, { method, headers })
  return new Request(address, { method, headers, body: bodyOf(incoming), duplex: 'half' })
}

/** A body parser in front has consumed the stream; what it made of our own JSON prints as the same text again. */
function bodyOf(incoming: Incoming): NonNullable<RequestInit['body']> {
  const { body } = incoming
  if (body === undefined || !incoming.readableEnded) return Readable.toWeb(incoming)
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  return JSON.stringify(body)
}
