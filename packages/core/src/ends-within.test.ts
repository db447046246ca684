import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { endsWithin } from './ends-within.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('work that ends in time ends in time, and leaves no timer behind', async () => {
  expect(await endsWithin(Promise.resolve('done'), 100)).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

test('work that goes on is waited for no longer than that', async () => {
  const ended = endsWithin(new Promise(() => {}), 100)
  await vi.advanceTimersByTimeAsync(100)
  expect(await ended).toBe(false)
})
