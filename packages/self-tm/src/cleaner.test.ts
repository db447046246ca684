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
  cleaner.close()
})

test('a failure does not keep it from cleaning later', async () => {
  const prune = vi.fn<() => Promise<number>>().mockRejectedValue(new Error('refused'))
  const cleaner = new Cleaner({ prune }, hour)
  await vi.advanceTimersByTimeAsync(10 * hour)
  expect(prune.mock.calls.length).toBeGreaterThan(5)
  cleaner.close()
})

test('does not begin again while it is cleaning', async () => {
  const prune = vi.fn<() => Promise<number>>(() => new Promise(() => {}))
  const cleaner = new Cleaner({ prune }, hour)
  await vi.advanceTimersByTimeAsync(10 * hour)
  expect(prune).toHaveBeenCalledOnce()
  cleaner.close()
})

test('closed, it leaves no timer behind, also when it was cleaning', async () => {
  const pruned = Promise.withResolvers<number>()
  const cleaner = new Cleaner({ prune: () => pruned.promise }, hour)
  await vi.advanceTimersByTimeAsync(2 * hour)
  cleaner.close()
  pruned.resolve(0)
  await vi.advanceTimersByTimeAsync(0)
  expect(vi.getTimerCount()).toBe(0)
})
