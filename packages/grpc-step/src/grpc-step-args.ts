import type { StandardSchema } from '@stepping/core'

/** The call of one unary method; `grpcCall` makes it. */
export interface GrpcStepArgs {
  /** Host and port: `shipping:50051`. */
  readonly target: string
  /** The method's: `/shop.Shipping/Create`. */
  readonly path: string
  /** The encoded request, in base64. */
  readonly message: string
  /** Sent along. Stored with the job as they are: no secrets. */
  readonly metadata?: Readonly<Record<string, string>>
  /** When one call counts as failed, in milliseconds: at most 300,000. Default 30,000. */
  readonly timeoutMs?: number
  /** The server has a certificate that this machine trusts. Default: no encryption. */
  readonly tls?: boolean
  /**
   * For the DTM server over gRPC (`dtmGrpc`): it calls the method itself, without this app in between.
   * It knows neither metadata nor timeoutMs nor tls. The self-TM calls it as ever.
   */
  readonly direct?: boolean
}

const host = String.raw`([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}`
const target = new RegExp(`^${host}$`)
const path = /^\/[\w.]+\/\w+$/
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** Of the step itself. */
const limit = 300_000

export function grpcStepSchema(): StandardSchema<GrpcStepArgs> {
  return {
    '~standard': {
      version: 1,
      vendor: 'stepping',
      validate(value) {
        const args = (value ?? {}) as Partial<Record<keyof GrpcStepArgs, unknown>>
        const found = issueIn(args)
        return found ? { issues: [found] } : { value: value as GrpcStepArgs }
      },
    },
  }
}

interface Issue {
  readonly path: readonly [keyof GrpcStepArgs]
  readonly message: string
}

function issueIn(args: Partial<Record<keyof GrpcStepArgs, unknown>>): Issue | undefined {
  const { metadata = {}, timeoutMs, tls, direct } = args
  if (!matches(target, args.target)) return issue('target', 'expected a host and a port')
  if (!matches(path, args.path)) return issue('path', 'expected /package.Service/Method')
  if (!matches(base64, args.message)) return issue('message', 'expected the request in base64')
  if (!isMetadata(metadata)) {
    return issue(
      'metadata',
      'expected names and printable ASCII values, and no name ending in -bin',
    )
  }
  const isTime = typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= limit
  if (timeoutMs !== undefined && !isTime) return issue('timeoutMs', `expected 1 to ${limit}`)
  const isPlain = args.metadata === undefined && timeoutMs === undefined && !tls
  if (direct === true && !isPlain) {
    return issue('direct', 'expected no metadata, timeoutMs or tls: DTM has no words for more')
  }
  return undefined
}

function issue(name: keyof GrpcStepArgs, message: string): Issue {
  return { path: [name], message }
}

function matches(pattern: RegExp, value: unknown): boolean {
  return typeof value === 'string' && pattern.test(value)
}

function isMetadata(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).every(
    ([name, text]) => /^(?!grpc-)(?!.*-bin$)[\w.-]+$/i.test(name) && matches(/^[ -~]*$/, text),
  )
}
