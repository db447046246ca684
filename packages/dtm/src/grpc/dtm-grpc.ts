import type { Server } from '@grpc/grpc-js'
import type { JobAdmin, TransactionManager } from '@stepping/core'
import { DtmTransactionManager } from '../manager.ts'
import { invalid, settingsOf } from '../options.ts'
import type { CommonOptions, DtmSettings } from '../options.ts'
import { checkGrpcCallback } from './check-grpc-callback.ts'
import { DtmClient } from './dtm-client.ts'
import { grpcCallbackAt } from './grpc-callback.ts'
import { grpcOrders } from './grpc-orders.ts'
import { callbackHandlers } from './handlers.ts'
import { definition } from './service.ts'

export type DtmGrpcOptions = CommonOptions & {
  /** Host and port of the DTM server's gRPC API: `dtm:36790`. What it cannot say is asked at `server`. */
  readonly grpcServer: string
  /** Host and port where DTM reaches the gRPC server of this app: `shop:50051`. */
  readonly callbackAddress: string
}

/** The DTM server as transaction manager over gRPC. */
export interface DtmGrpc extends TransactionManager {
  readonly jobs: JobAdmin
  /**
   * Has this gRPC server answer what DTM asks, by the service `stepping.dtm.Callback`. Call it in
   * every process of the app, before the server is bound.
   */
  addTo(server: Server): void
  /**
   * Asks at `callbackAddress` whether this app answers there: call it once the server listens.
   *
   * @throws SteppingError `CALLBACK_UNREACHABLE`
   */
  checkCallback(): Promise<void>
}

/**
 * As `dtm`, but prepare and submit go to the DTM server by gRPC, and it calls the steps at the gRPC
 * server of this app.
 *
 * @example
 * const tm = dtmGrpc({
 *   server: 'http://dtm:36789',
 *   grpcServer: 'dtm:36790',
 *   callbackAddress: 'shop:50051',
 *   secrets: [secret],
 * })
 * const server = new Server()
 * tm.addTo(server)
 * @throws SteppingError `OPTIONS_INVALID`
 */
export function dtmGrpc(options: DtmGrpcOptions): DtmGrpc {
  const settings = settingsOf(options, 'dtmGrpc')
  return new GrpcDtm(settings, {
    grpcServer: addressIn('grpcServer', options.grpcServer),
    callbackAddress: addressIn('callbackAddress', options.callbackAddress),
  })
}

type Addresses = Pick<DtmGrpcOptions, 'grpcServer' | 'callbackAddress'>

class GrpcDtm extends DtmTransactionManager implements DtmGrpc {
  readonly #callbackAddress: string

  constructor(settings: DtmSettings, { grpcServer, callbackAddress }: Addresses) {
    super(settings, () => {
      const client = new DtmClient(grpcServer, settings.requestTimeoutMs)
      return {
        callback: grpcCallbackAt(callbackAddress, settings.signer),
        orders: grpcOrders(client),
        close: () => client.close(),
      }
    })
    this.#callbackAddress = callbackAddress
  }

  addTo(server: Server): void {
    server.addService(definition, callbackHandlers(this.door))
  }

  async checkCallback(): Promise<void> {
    const { signer, requestTimeoutMs } = this.settings
    await checkGrpcCallback(this.#callbackAddress, signer, requestTimeoutMs)
  }
}

/** DTM makes nothing of a scheme, a path or TLS. */
function addressIn(name: keyof Addresses, text: unknown): string {
  if (typeof text === 'string' && /^([\w.-]+|\[[\da-f:]+\]):\d{1,5}$/i.test(text)) return text
  throw invalid('dtmGrpc', `${name} has to be a host and a port, as in dtm:36790`)
}
