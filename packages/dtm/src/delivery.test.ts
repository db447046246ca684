import type { JobRecord } from '@stepping/core'
import { afterEach, expect, it, vi } from 'vitest'
import { Delivery } from './delivery.ts'
import type { DtmApi } from './dtm-api.ts'
import type { DtmMessage } from './message.ts'
import type { Orders } from './orders.ts'

afterEach(() => {
  vi.useRealTimers()
})

it.each([
  ['awake', 1_999, 'sent', undefined, 1],
  ['asleep', 2_000, 'left to DTM', 'SUBMIT_DEFERRED', 0],
])('a submit of a machine that was %s for %i ms is %s', async (_, ms, _becomes, code, sent) => {
  // The monotonic clock stands still.
  vi.useFakeTimers({ toFake: ['Date'] })
  const submitted: Uint8Array[] = []
  const taken = { is: 'taken', reason: '' } as const
  const orders = {
    encode: () => new Uint8Array(),
    prepare: () => Promise.resolve(taken),
    submit: (body: Uint8Array) => {
      submitted.push(body)
      return Promise.resolve(taken)
    },
  } as unknown as Orders
  const api = {
    query: () => Promise.resolve({ transaction: { status: 'prepared' }, branches: [] }),
  } as unknown as DtmApi
  const job = {
    gid: 'g',
    notAfter: Infinity,
    callerGid: false,
    database: { name: 'orders', identity: 'i' },
  } as unknown as JobRecord
  const timing = { timeoutToFail: 3, requestTimeout: 3 }
  const message = { gid: 'g', timing, options: {}, steps: [] } as unknown as DtmMessage
  const delivery = new Delivery(api, orders, job, message)
  await delivery.prepare()
  vi.setSystemTime(Date.now() + ms)
  const thrown = await delivery.submit().catch((error: unknown) => error)
  expect((thrown as { code?: string } | undefined)?.code).toBe(code)
  expect(submitted).toHaveLength(sent)
})
