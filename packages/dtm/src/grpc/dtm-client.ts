import { CallCredentials, Client, credentials, Metadata, status } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { monotonicMs } from '../clock.ts'
import { NoAnswer } from '../dtm-api.ts'
import type { ExchangeOptions } from '../dtm-api.ts'

/** What DTM answered to a call; `OK` has no details. */
export interface GrpcAnswer {
  readonly code: status
  readonly details: string
}

/** What grpc-js says when DTM said nothing. */
const noAnswer: readonly status[] = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]

const options = {
  // DTM may be back any moment, and orders are refused until it is noticed.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // A new client is then a new connection.
  'grpc.use_local_subchannel_pool': 1,
  // As over HTTP: what leads to the internet does not lead to DTM.
  'grpc.enable_http_proxy': 0,
}

/** Calls methods of the service `dtmgimp.Dtm`. */
export class DtmClient {
  readonly address: string
  readonly #timeoutMs: number
  #client: Client

  constructor(address: string, timeoutMs: number) {
    this.address = address
    this.#timeoutMs = timeoutMs
    this.#client = this.#connect()
  }

  /** @throws NoAnswer */
  async call(
    method: string,
    message: Uint8Array,
    { timeoutMs = this.#timeoutMs, waitMs = 0, sendBeforeMs = Infinity }: ExchangeOptions = {},
  ): Promise<GrpcAnswer> {
    const client = this.#client
    const departure = new Departure(sendBeforeMs)
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(
        `/dtmgimp.Dtm/${method}`,
        (bytes: Uint8Array) => Buffer.from(bytes),
        () => undefined,
        message,
        { deadline: Date.now() + timeoutMs + waitMs, credentials: departure.credentials },
        resolve,
      )
    })
    if (!error) return { code: status.OK, details: '' }
    if (departure.sent && !departure.stopped && !noAnswer.includes(error.code)) return error
    // Its connection may be dead without having been closed.
    if (error.code === status.DEADLINE_EXCEEDED) this.#replace(client)
    const broke = departure.stopped || error.code === status.UNAVAILABLE
    throw new NoAnswer(departure.sent, broke, error)
  }

  close(): void {
    this.#client.close()
  }

  #connect(): Client {
    return new Client(this.address, credentials.createInsecure(), options)
  }

  /** Calls that are under way on the old one go on. */
  #replace(client: Client): void {
    if (client !== this.#client) return
    this.#client = this.#connect()
    client.close()
  }
}

/**
 * The moment at which a call goes out: grpc-js asks for credentials when it has found a connection,
 * right before the first byte. A call that waited too long for one, and one that grpc-js would
 * send again by itself, is stopped there.
 */
class Departure {
  readonly credentials: CallCredentials
  sent = false
  stopped = false

  constructor(sendBeforeMs: number) {
    this.credentials = CallCredentials.createFromMetadataGenerator((_options, done) => {
      this.stopped = this.sent || monotonicMs() >= sendBeforeMs
      if (this.stopped) return done(new Error('too late to send it'))
      this.sent = true
      done(null, new Metadata())
    })
  }
}
