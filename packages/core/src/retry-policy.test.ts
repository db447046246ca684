import { describe, expect, it } from 'vitest'
import { retryDelayMs } from './retry-policy.ts'

const middle = (): number => 0.5

describe('the wait before the next attempt', () => {
  it('doubles from one second with every failed attempt', () => {
    const waits = [1, 2, 3, 4].map((attempt) => retryDelayMs(attempt, {}, middle))
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000])
  })

  it('ends at five minutes', () => {
    expect(retryDelayMs(10, {}, middle)).toBe(300_000)
  })

  it.each([100, 1_100, 1e9])('is still five minutes after %i attempts', (attempt) => {
    expect(retryDelayMs(attempt, {}, middle)).toBe(300_000)
  })

  it('follows the numbers of the step', () => {
    const backoff = { firstMs: 10, factor: 3, capMs: 50 }
    const waits = [1, 2, 3].map((attempt) => retryDelayMs(attempt, backoff, middle))
    expect(waits).toEqual([10, 30, 50])
  })

  it('may be none at all', () => {
    expect(retryDelayMs(1_100, { firstMs: 0 }, middle)).toBe(0)
  })

  it('is spread by a fifth to each side', () => {
    const lowest = retryDelayMs(1, {}, () => 0)
    const highest = retryDelayMs(1, {}, () => 1)
    expect([lowest, highest]).toEqual([800, 1_200])
  })

  it('differs between jobs that failed together', () => {
    const waits = new Set(Array.from({ length: 100 }, () => retryDelayMs(5)))
    expect(waits.size).toBeGreaterThan(50)
  })
})
