import { SteppingError } from './errors.ts'
import type { StandardSchema } from './standard-schema.ts'
import { defineStep } from './step.ts'
import type { Step } from './step.ts'

export interface HttpStepArgs {
  /** An absolute http or https URL. */
  readonly url: string
  /** Default: `POST` with `json`, else `GET`. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD'
  /** Sent as the JSON body. */
  readonly json?: unknown
  /** Stored with the job as they are: no secrets. */
  readonly headers?: Readonly<Record<string, string>>
  /** When one request counts as failed, in milliseconds: at most 300,000. Default 30,000. */
  readonly timeoutMs?: number
  /**
   * For the DTM server: it calls the URL itself, without this app in between. Only a `POST` with
   * `json` and nothing else; DTM takes a 200 for success and no other answer, reads the body for its
   * words FAILURE and ONGOING, and follows redirects. Other transaction managers call it as ever.
   */
  readonly direct?: boolean
}

/**
 * Calls an HTTP endpoint as a step: any 2xx is success, everything else is tried again. Every
 * attempt carries `Idempotency-Key: <gid>/<index>`, by which the endpoint can drop repeats.
 *
 * @example
 * job.addStep(httpStep, { url: 'http://shipping.internal/shipments', json: { orderId } })
 */
export const httpStep: Step<HttpStepArgs> = defineStep({
  name: 'stepping.http',
  args: httpStepSchema(),
  async run({ args, idempotencyKey, signal }) {
    const { url, json, timeoutMs = 30_000 } = args
    const response = await fetch(url, {
      method: methodOf(args),
      headers: requestHeaders(args, idempotencyKey),
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    if (response.ok) {
      await response.body?.cancel()
      return
    }
    const body = await response.text()
    throw new SteppingError(
      'HTTP_STATUS',
      `${methodOf(args)} ${withoutSecrets(url)} answered ${response.status}: ${body.slice(0, 200)}`,
    )
  },
})

function methodOf(args: HttpStepArgs): string {
  return args.method ?? (args.json === undefined ? 'GET' : 'POST')
}

/** The caller's headers win, however they are capitalized: fetch would join both values. */
function requestHeaders({ json, headers }: HttpStepArgs, idempotencyKey: string): Headers {
  const all = new Headers(headers)
  if (json !== undefined && !all.has('content-type')) all.set('content-type', 'application/json')
  if (!all.has('idempotency-key')) all.set('idempotency-key', idempotencyKey)
  return all
}

/** The URL without its query, for messages. */
function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

function httpStepSchema(): StandardSchema<HttpStepArgs> {
  return {
    '~standard': {
      version: 1,
      vendor: 'stepping',
      validate(value) {
        const args = value as HttpStepArgs | null | undefined
        if (
          typeof args?.url !== 'string' ||
          !URL.canParse(args.url) ||
          !/^https?:/i.test(args.url)
        ) {
          return { issues: [{ path: ['url'], message: 'expected an absolute http or https URL' }] }
        }
        const { username, password } = new URL(args.url)
        if (username || password) {
          // fetch refuses such a URL with a message that prints it, and the job would store it.
          return { issues: [{ path: ['url'], message: 'expected no user and password in it' }] }
        }
        if (args.json !== undefined && ['GET', 'HEAD'].includes(methodOf(args))) {
          return { issues: [{ path: ['json'], message: `${methodOf(args)} cannot have a body` }] }
        }
        const limit = 300_000 // of the step itself
        if (args.timeoutMs !== undefined && !(args.timeoutMs > 0 && args.timeoutMs <= limit)) {
          return { issues: [{ path: ['timeoutMs'], message: `expected 1 to ${limit}` }] }
        }
        if (args.direct === true && !isPlainPost(args)) {
          const message =
            'expected a POST with json, and neither headers nor timeoutMs: DTM has no words for more'
          return { issues: [{ path: ['direct'], message }] }
        }
        if (!areHeaders(args.headers)) {
          return {
            issues: [{ path: ['headers'], message: 'expected names and values that HTTP allows' }],
          }
        }
        return { value: args }
      },
    },
  }
}

function isPlainPost({ headers, timeoutMs, json, ...args }: HttpStepArgs): boolean {
  const others = headers ?? timeoutMs
  return methodOf({ ...args, json }) === 'POST' && json !== undefined && others === undefined
}

function areHeaders(headers: HttpStepArgs['headers']): boolean {
  try {
    return new Headers(headers) instanceof Headers
  } catch {
    return false
  }
}
