import { describe, expect, it } from 'vitest'
import { dtm } from './dtm.ts'
import type { DtmOptions } from './options.ts'

const valid = {
  server: 'http://dtm:36789',
  callbackUrl: 'http://shop/stepping',
  secrets: ['x'.repeat(32)],
} satisfies DtmOptions

describe('dtm', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ server: 'dtm:36789' }, 'server has to be'],
    [{ server: undefined }, 'server has to be'],
    [{ server: 'http://user:hunter2@dtm' }, 'server has to be'],
    [{ callbackUrl: '/stepping' }, 'callbackUrl has to be'],
    [{ callbackUrl: 'ftp://shop/' }, 'callbackUrl has to be'],
    [{ callbackUrl: 'http://shop/#top' }, 'callbackUrl has to be'],
    [{ secrets: undefined }, 'secrets has to be'],
    [{ insecure: true }, 'exclude each other'],
    [{ answerWithinMs: 3_000 }, 'requestTimeoutMs is 3000'],
    [{ jobs: { timeoutToFailMs: 500 } }, 'dtm: jobs: timeoutToFailMs'],
    [{ concurrency: 0 }, 'concurrency is 0'],
    [{ drainMs: -1 }, 'drainMs is -1'],
    [{ drainMs: 2 ** 31 }, 'drainMs is 2147483648'],
    [{ pruneEveryMs: 2_592_000_000 }, 'pruneEveryMs is 2592000000'],
    [{ callbackUrl: 'http://shop/stepping?key=gateway' }, 'callbackUrl has key'],
    [{ jobs: { branchHeaders: { Host: 'shop' } } }, 'dtm: jobs: branchHeaders sets Host'],
    [{ longestRetryMs: Number.NaN }, 'longestRetryMs is NaN'],
    [{ callers: { go: { secrets: ['short'], steps: [] } } }, 'callers.go: secrets'],
  ])('refuses %j', (change, message) => {
    const make = (): unknown => dtm({ ...valid, ...change })
    expect(make).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
    expect(make).toThrow(message)
    expect(make).not.toThrow('hunter2')
  })

  it('takes secrets, or that it has none', () => {
    expect(() => dtm(valid)).not.toThrow()
    const { server, callbackUrl } = valid
    expect(() => dtm({ server, callbackUrl, insecure: true })).not.toThrow()
  })
})
