import type { RequestListener } from 'node:http'

/** Sees what DTM asks, and how it is answered. */
export interface Witness {
  /** Stands before the app's handler. */
  readonly before: (next: RequestListener) => RequestListener
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
    answers: (method) => of(method).map(({ status }) => status),
    slowestMs: (method) => Math.max(...of(method).map(({ tookMs }) => tookMs)),
  }
}
