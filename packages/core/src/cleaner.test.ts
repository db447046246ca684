import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Cleaner } from './cleaner.ts'
import type { SteppingEvent } from './event.ts'

const hour = 3_600_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('cleans about as often as it was told', async () => {
  const prune = vi.fn<() => Promise<number>>(async () => 0)
  const cleaner = new Cleaner({ prune }, { report() {} }, hour)
  await vi.advanceTimersByTimeAsync(hour / 2 - 1)
  expect(prune).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(99.5 * hour)
  expect(prune.mock.calls.length).toBeGreaterThan(66)
  expect(prune.mock.calls.length).toBeLessThan(200)
  await cleaner.close(0)
})

test('a failure does not keep it from cleaning later', async () => {
  const prune = vi.fn<() => Promise<number>>().mockRejectedValue(new Error('refused'))
  const cleaner = new Cleaner({ prune }, { report() {} }, hour)
  await vi.advanceTimersByTimeAsync(10 * hour)
  expect(prune.mock.calls.length).toBeGreaterThan(5)
  await cleaner.close(0)
})

test('does not begin again while it is cleaning', async () => {
  const prune = vi.fn<() => Promise<number>>(() => new Promise(() => {}))
  const cleaner = new Cleaner({ prune }, { report() {} }, hour)
  await vi.advanceTimersByTimeAsync(10 * hour)
  expect(prune).toHaveBeenCalledOnce()
  const closed = cleaner.close(10_000)
  await vi.advanceTimersByTimeAsync(10_000)
  await closed
})

test('closes when it has cleaned, and leaves no timer behind', async () => {
  const pruned = Promise.withResolvers<number>()
  const cleaner = new Cleaner({ prune: () => pruned.promise }, { report() {} }, hour)
  await vi.advanceTimersByTimeAsync(2 * hour)
  let isClosed = false
  const closed = cleaner.close(10_000).then(() => (isClosed = true))
  await vi.advanceTimersByTimeAsync(9_999)
  expect(isClosed).toBe(false)
  pruned.resolve(0)
  await closed
  expect(vi.getTimerCount()).toBe(0)
})

test('a failure is told once, until it works again, and not when it comes of the close', async () => {
  const report = vi.fn<(event: SteppingEvent) => void>()
  const refused = new Error('permission denied')
  const prune = vi.fn<() => Promise<number>>().mockRejectedValue(refused)
  const cleaner = new Cleaner({ prune }, { report }, hour)
  await vi.advanceTimersByTimeAsync(10 * hour)
  expect(report.mock.calls).toEqual([[{ type: 'prune.failed', error: refused }]])
  prune.mockResolvedValue(0)
  await vi.advanceTimersByTimeAsync(2 * hour)
  const pruned = Promise.withResolvers<number>()
  prune.mockRejectedValueOnce(refused).mockReturnValue(pruned.promise)
  await vi.advanceTimersByTimeAsync(4 * hour)
  expect(report).toHaveBeenCalledTimes(2)
  const closed = cleaner.close(hour)
  pruned.reject(refused)
  await closed
  expect(report).toHaveBeenCalledTimes(2)
})
