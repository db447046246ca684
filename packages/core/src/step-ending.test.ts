import { describe, expect, it } from 'vitest'
import { parkJob, retryLater } from './step-ending.ts'

describe('parkJob', () => {
  it('throws by itself, with its reason and cause', () => {
    const cause = new Error('no such account')
    expect(() => parkJob('wrong account', { cause })).toThrow(
      expect.objectContaining({ code: 'STEP_PARKED', message: 'wrong account', cause }),
    )
  })

  it('may also be thrown', () => {
    expect(() => {
      throw parkJob('wrong account')
    }).toThrow(expect.objectContaining({ code: 'STEP_PARKED' }))
  })
})

describe('retryLater', () => {
  it('throws by itself, with the time of the next attempt', () => {
    expect(() => retryLater(500)).toThrow(
      expect.objectContaining({ code: 'STEP_RETRY', retryAfterMs: 500 }),
    )
  })

  it('may also be returned', () => {
    expect(() => {
      return retryLater(500)
    }).toThrow(expect.objectContaining({ code: 'STEP_RETRY' }))
  })

  it('takes a time in the past for now', () => {
    expect(() => retryLater(-1)).toThrow(expect.objectContaining({ retryAfterMs: 0 }))
  })

  it.each([Number.NaN, Infinity, '1000', undefined, 1e13])('refuses %j', (afterMs) => {
    expect(() => retryLater(afterMs as number)).toThrow(
      expect.objectContaining({
        code: 'OPTIONS_INVALID',
        message: expect.stringMatching(/^retryLater: afterMs is /),
      }),
    )
  })
})
