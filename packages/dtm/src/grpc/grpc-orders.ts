import { status } from '@grpc/grpc-js'
import { describeError } from '@stepping/core'
import type { ExchangeOptions } from '../dtm-api.ts'
import type { Orders, Verdict } from '../orders.ts'
import type { DtmClient } from './dtm-client.ts'
import { encodeName, encodeRequest } from './dtm-messages.ts'

export function grpcOrders(client: DtmClient): Orders {
  const send = async (
    method: string,
    body: Uint8Array,
    options?: ExchangeOptions,
  ): Promise<Verdict> => {
    const { code, details } = await client.call(method, body, options)
    const is = code === status.OK ? 'taken' : code === status.ABORTED ? 'unfit' : 'refused'
    return { is, reason: `${status[code]}: ${details.slice(0, 300)}` }
  }
  return {
    async reach() {
      try {
        const { code, details } = await client.call('NewGid', Buffer.alloc(0))
        if (code !== status.OK) throw new Error(`${status[code]}: ${details}`)
      } catch (cause) {
        throw new Error(`no gRPC API at ${client.address} (${describeError(cause)})`, { cause })
      }
    },
    encode: encodeRequest,
    prepare: (body) => send('Prepare', body),
    submit: (body, options) => send('Submit', body, options),
    abort: (gid) => send('Abort', encodeName(gid)),
  }
}
