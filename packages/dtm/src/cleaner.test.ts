import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Cleaner } from './cleaner.ts'

const hour = 3_600_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('closes when it has cleaned, and leaves no timer behind', async () => {
  const pruned = Promise.withResolvers<number>()
  const cleaner = new Cleaner({ prune: () => pruned.promise }, hour)
  await vi.advanceTimersByTimeAsync(2 * hour)
  let isClosed = false
  const closed = cleaner.close(10_000).then(() => (isClosed = true))
  await vi.advanceTimersByTimeAsync(9_999)
  expect(isClosed).toBe(false)
  pruned.resolve(0)
  await closed
  expect(vi.getTimerCount()).toBe(0)
})

it('does not wait for ever', async () => {
  const cleaner = new Cleaner({ prune: () => new Promise(() => {}) }, hour)
  await vi.advanceTimersByTimeAsync(2 * hour)
  const closed = cleaner.close(10_000)
  await vi.advanceTimersByTimeAsync(10_000)
  await closed
})
