import { Pool } from 'undici'
import type { Dispatcher } from 'undici'
import { monotonicMs } from './clock.ts'

export interface DtmAnswer {
  readonly status: number
  readonly text: string
  /** When it answered, on its own clock, in epoch milliseconds; to the second. */
  readonly date: number
}

/** No answer came. */
export class NoAnswer extends Error {
  override readonly name: string = 'NoAnswer'
  /** Something was sent: the message may have arrived all the same. */
  readonly sent: boolean

  /** The connection broke. One that idled may have been closed by the other side that very moment. */
  readonly brokeOff: boolean

  constructor(sent: boolean, broke: boolean, cause: Error) {
    super(cause.message || cause.name, { cause })
    this.sent = sent
    this.brokeOff = sent && broke
  }
}

/** What `query` knows of a transaction; null: nothing. */
export interface DtmTransaction {
  readonly gid: string
  readonly status: 'prepared' | 'submitted' | 'succeed' | 'failed' | 'aborting'
  readonly query_prepared?: string
  /** What was asked of DTM, as JSON. */
  readonly options?: string
  readonly create_time?: string
  /** As JSON. */
  readonly custom_data?: string
  readonly finish_time?: string
  readonly rollback_time?: string
  readonly next_cron_time?: string
  /** Seconds. */
  readonly next_cron_interval?: number
  /** Kept by the stores that are no SQL database. */
  readonly steps?: readonly unknown[]
}

export interface DtmBranch {
  readonly branch_id: string
  readonly url: string
  /** The payload in base64. */
  readonly bin_data?: string
  readonly status: 'prepared' | 'succeed'
}

export interface DtmQuery {
  readonly transaction: DtmTransaction | null
  readonly branches: readonly DtmBranch[]
  /** DTM's clock; see `DtmAnswer.date`. */
  readonly now: number
}

export interface ExchangeOptions {
  readonly timeoutMs?: number
  /** So much longer. */
  readonly waitMs?: number
  /** Monotonic: once this has passed nothing is sent any more. */
  readonly sendBeforeMs?: number
}

/** The HTTP API of a DTM server: the only one that answers questions. */
export class DtmApi {
  readonly #pool: Pool
  readonly #path: string
  readonly #timeoutMs: number
  #answeredAtMs: number | null = null

  constructor(server: URL, timeoutMs: number) {
    // Some write the address as DTM's own clients want it, with the path of the API.
    this.#path = `${server.pathname.replace(/(\/api\/dtmsvr)?\/*$/, '')}/api/dtmsvr`
    this.#timeoutMs = timeoutMs
    // One message at a time on a connection: what was sent is then known exactly.
    this.#pool = new Pool(server.origin, { pipelining: 1, allowH2: false })
  }

  async post(
    call: string,
    body: string | Uint8Array,
    options?: ExchangeOptions,
  ): Promise<DtmAnswer> {
    const headers = { 'content-type': 'application/json' }
    return await this.#exchange({ method: 'POST', path: `/${call}`, headers, body }, options)
  }

  /** @throws NoAnswer, or an Error for an answer that is none. */
  async query(gid: string, options?: ExchangeOptions): Promise<DtmQuery> {
    const answer = await this.#get('query', `gid=${encodeURIComponent(gid)}`, options)
    if (answer.status !== 200) throw new Error(`DTM answered ${messageIn(answer)}`)
    const { transaction, branches } = JSON.parse(answer.text) as DtmQuery
    return { transaction, branches: branches ?? [], now: answer.date }
  }

  /** Has DTM look at once at unfinished transactions that are due in so many seconds or later. */
  async moveForward(fromSeconds: number, limit: number): Promise<DtmAnswer> {
    return await this.#get('resetCronTime', `timeout=${fromSeconds}&limit=${limit}`)
  }

  async version(): Promise<DtmAnswer> {
    return await this.#get('version', '')
  }

  /** How long ago DTM last answered this process; null before the first time. */
  get answeredAgoMs(): number | null {
    return this.#answeredAtMs === null ? null : Math.round(monotonicMs() - this.#answeredAtMs)
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  /**
   * DTM counts requests by what stands behind the last stroke of their URL, and would count each gid
   * by itself, for ever: the stroke at the end of the query puts all of them into one place.
   */
  async #get(call: string, query: string, options?: ExchangeOptions): Promise<DtmAnswer> {
    return await this.#exchange({ method: 'GET', path: `/${call}?${query}&as=/${call}` }, options)
  }

  /** @throws NoAnswer */
  #exchange(
    request: Dispatcher.DispatchOptions,
    { timeoutMs = this.#timeoutMs, waitMs = 0, sendBeforeMs = Infinity }: ExchangeOptions = {},
  ): Promise<DtmAnswer> {
    const withinMs = timeoutMs + waitMs
    return new Promise((resolve, reject) => {
      let controller: Dispatcher.DispatchController | undefined
      let sent = false
      let status = 0
      let date = NaN
      const chunks: Buffer[] = []
      const fail = (error: Error): void => {
        clearTimeout(timer)
        reject(new NoAnswer(sent, isBroken(error), error))
      }
      let expired: Error | undefined
      const timer = setTimeout(() => {
        expired = new Error(`no answer within ${withinMs} ms`)
        controller?.abort(expired)
        fail(expired)
      }, withinMs)
      this.#pool.dispatch(
        { ...request, path: this.#path + request.path },
        {
          // Called right before the first byte goes out: from here on it may have arrived.
          onRequestStart(started) {
            if (expired) return started.abort(expired)
            if (monotonicMs() >= sendBeforeMs)
              return started.abort(new Error('too late to send it'))
            controller = started
            sent = true
          },
          onResponseStart: (_controller, statusCode, headers) => {
            this.#answeredAtMs = monotonicMs()
            status = statusCode
            date = Date.parse(String(headers['date']))
          },
          onResponseData(_controller, chunk) {
            chunks.push(chunk)
          },
          onResponseEnd() {
            clearTimeout(timer)
            resolve({ status, date, text: Buffer.concat(chunks).toString() })
          },
          onResponseError: (_controller, error) => fail(error),
        },
      )
    })
  }
}

function isBroken(error: Error & { readonly code?: string }): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(error.code ?? '')
}

/** The reason in an answer of DTM. */
export function messageIn({ status, text }: DtmAnswer): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    if (typeof message === 'string') return `${status}: ${message.slice(0, 300)}`
  } catch {
    // Of a proxy, then.
  }
  return `${status}: ${text.slice(0, 200)}`
}
