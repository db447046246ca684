import { messageIn } from './dtm-api.ts'
import type { DtmApi, ExchangeOptions } from './dtm-api.ts'
import type { DtmMessage } from './message.ts'

/** What DTM made of an order. */
export interface Verdict {
  /** `unfit`: not in the state that the transaction is in; `refused` may or may not be for good. */
  readonly is: 'taken' | 'unfit' | 'refused'
  /** In DTM's words. */
  readonly reason: string
}

/** What moves a job on in DTM. */
export interface Orders {
  /** Rejects unless they are taken where they go, beside the place where questions are answered. */
  reach(): Promise<void>
  /** Prepare and submit get the very same bytes. */
  encode(message: DtmMessage): Uint8Array
  /** @throws NoAnswer */
  prepare(body: Uint8Array): Promise<Verdict>
  /** @throws NoAnswer */
  submit(body: Uint8Array, options: ExchangeOptions): Promise<Verdict>
  /** @throws NoAnswer */
  abort(gid: string): Promise<Verdict>
}

export function httpOrders(api: DtmApi): Orders {
  const send = async (
    call: string,
    body: Uint8Array,
    options?: ExchangeOptions,
  ): Promise<Verdict> => {
    const answer = await api.post(call, body, options)
    const is = answer.status === 200 ? 'taken' : answer.status === 409 ? 'unfit' : 'refused'
    return { is, reason: messageIn(answer) }
  }
  return {
    reach: () => Promise.resolve(),
    encode: ({ gid, question, steps, options, delay }) =>
      Buffer.from(
        JSON.stringify({
          gid,
          trans_type: 'msg',
          protocol: 'http',
          query_prepared: question.url,
          steps: steps.map(({ action }) => ({ action })),
          payloads: steps.map(({ payload }) => payload.toString()),
          ...options,
          ...(delay !== undefined && { custom_data: delay }),
        }),
      ),
    prepare: (body) => send('prepare', body),
    submit: (body, options) => send('submit', body, options),
    abort: (gid) => send('abort', Buffer.from(JSON.stringify({ gid, trans_type: 'msg' }))),
  }
}
