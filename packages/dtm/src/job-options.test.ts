import { describe, expect, it } from 'vitest'
import { assertAnswersInTime, dtmOptions, firstIntervalMs, timingOf } from './job-options.ts'
import type { DtmJobOptions } from './job-options.ts'

describe('what a job asks of DTM', () => {
  it.each<[DtmJobOptions, string]>([
    [{ timeoutToFailMs: 1_000 }, 'timeoutToFailMs is 1000'],
    [{ timeoutToFailMs: 2_500 }, 'whole seconds. Take 3000'],
    [{ requestTimeoutMs: 0 }, 'requestTimeoutMs is 0'],
    [{ requestTimeoutMs: '3000' as never }, 'requestTimeoutMs is "3000"'],
    [{ delayMs: 1_500 }, 'whole seconds. Take 2000'],
    [{ retryIntervalMs: 2_000 }, 'retryIntervalMs is 2000, it must be a whole number from 3000'],
    [{ timeoutToFailMs: 20_000, retryIntervalMs: 19_000 }, 'from 20000'],
    [{ branchHeaders: { Host: 'elsewhere' } }, 'sets Host'],
    [{ branchHeaders: { 'content-type': 'text/plain' } }, 'sets content-type'],
    [{ branchHeaders: { 'x y': '1' } }, 'HTTP does not allow'],
    [{ branchHeaders: { x: 'a\nb' } }, 'HTTP does not allow'],
  ])('cannot be %j', (options, message) => {
    const make = (): unknown => dtmOptions(options)
    expect(make).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
    expect(make).toThrow(message)
  })

  it('is in seconds', () => {
    expect(timingOf({ delayMs: 60_000, retryIntervalMs: 5_000 }, 'job')).toEqual({
      timeoutToFail: 3,
      requestTimeout: 3,
      retryInterval: 5,
      delay: 60,
    })
  })

  it('leaves the wait between tries to DTM, where it follows from the time until it asks', () => {
    expect(firstIntervalMs(timingOf({}, 'job'))).toBe(3_000)
    expect(firstIntervalMs(timingOf({ timeoutToFailMs: 30_000 }, 'job'))).toBe(10_000)
    expect(firstIntervalMs(timingOf({ retryIntervalMs: 60_000 }, 'job'))).toBe(60_000)
  })

  it('has to give answers half a second more than they take', () => {
    const jobs = { requestTimeoutMs: 3_000 }
    expect(() => assertAnswersInTime('job', { jobs, answerWithinMs: 2_500 })).not.toThrow()
    expect(() => assertAnswersInTime('job', { jobs, answerWithinMs: 2_501 })).toThrow(
      'requestTimeoutMs is 3000',
    )
  })
})
