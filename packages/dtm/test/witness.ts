import type { RequestListener } from 'node:http'
import { ResponderBuilder, ServerInterceptingCall, status as codes } from '@grpc/grpc-js'
import type { ServerInterceptor } from '@grpc/grpc-js'

/** Sees what DTM asks, and how it is answered. */
export interface Witness {
  /** Stands before the app's handler. */
  readonly before: (next: RequestListener) => RequestListener
  /** Stands in the app's gRPC server; what it sees is told in the words of HTTP. */
  readonly interceptor: ServerInterceptor
  readonly calls: readonly Call[]
  /** The status of each answer to this method, in the order they were given. */
  answers(method: 'GET' | 'POST'): number[]
  slowestMs(method: 'GET' | 'POST'): number
}

export interface Call {
  readonly method: string
  readonly url: string
  readonly status: number
  readonly tookMs: number
}

const statuses: Partial<Record<codes, number>> = {
  [codes.OK]: 200,
  [codes.ABORTED]: 409,
  [codes.FAILED_PRECONDITION]: 425,
  [codes.INTERNAL]: 500,
  [codes.UNAVAILABLE]: 503,
}

export function witness(): Witness {
  const calls: Call[] = []
  const of = (method: string): Call[] => calls.filter((call) => call.method === method)
  return {
    calls,
    before: (next) => (request, response) => {
      const began = performance.now()
      const { method = '', url = '' } = request
      response.on('finish', () =>
        calls.push({ method, url, status: response.statusCode, tookMs: performance.now() - began }),
      )
      next(request, response)
    },
    interceptor: ({ path: url }, call) => {
      const began = performance.now()
      const method = url.endsWith('/RunStep') ? 'POST' : 'GET'
      const responder = new ResponderBuilder().withSendStatus((given, next) => {
        const status = statuses[given.code] ?? -given.code
        calls.push({ method, url, status, tookMs: performance.now() - began })
        next(given)
      })
      return new ServerInterceptingCall(call, responder.build())
    },
    answers: (method) => of(method).map(({ status }) => status),
    slowestMs: (method) => Math.max(...of(method).map(({ tookMs }) => tookMs)),
  }
}
