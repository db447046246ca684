import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Cleaner } from './cleaner.ts'

const hour = 3_600_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('cleans about as often as it was told', async () => {
  const prune = vi.fn<() => Promise<number>>(async () => 0)
  const cleaner = new Cleaner({ prune }, hour)
  await vi.advanceTimersByTimeAsync(hour / 2 - 1)
  expect(prune).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(99.5 * hour)
  expect(prune.mock.calls.length).toBeGreaterThan(66)
  expect(prune.mock.calls.length).toBeLessThan(200)
  await cleaner.close(0)
})

test('a failure does not keep it from cleaning later', async () => {
  const prune = vi.fn<() => Promise<number>>().mockRejectedValue(new Error('refused'))
  const cleaner = new Cleaner({ prune }, hour)
  await vi.advanceTimersByTimeAsync(10 * hour)
  expect(prune.mock.calls.length).toBeGreaterThan(5)
  await cleaner.close(0)
})

test('does not begin again while it is cleaning', async () => {
  const prune = vi.fn<() => Promise<number>>(() => new Promise(() => {}))
  const cleaner = new Cleaner({ prune }, hour)
  await vi.advanceTimersByTimeAsync(10 * hour)
  expect(prune).toHaveBeenCalledOnce()
  const closed = cleaner.close(10_000)
  await vi.advanceTimersByTimeAsync(10_000)
  await closed
})

test('closes when it has cleaned, and leaves no timer behind', async () => {
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
