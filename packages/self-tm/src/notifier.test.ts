import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { replacing } from '../test/replacing.ts'
import { Notifier } from './notifier.ts'
import { memoryJobStore } from './store/memory-job-store.ts'
import type { JobStore } from './store/job-store.ts'

type Notify = NonNullable<JobStore['notify']>

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function setUp(notify: Notify): Notifier {
  return new Notifier(replacing(memoryJobStore(), { notify }), 'shop')
}

test('tells once of jobs that came shortly after each other', async () => {
  const notify = vi.fn<Notify>(async () => {})
  const notifier = setUp(notify)
  for (let i = 0; i < 100; i++) notifier.tell()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(notify.mock.calls).toEqual([['shop']])
})

test('tells of a job at once, and of those that come shortly after it together', async () => {
  const notify = vi.fn<Notify>(async () => {})
  const notifier = setUp(notify)
  notifier.tell()
  await vi.advanceTimersByTimeAsync(0)
  expect(notify).toHaveBeenCalledTimes(1)
  for (let ms = 1; ms < 5; ms++) {
    notifier.tell()
    await vi.advanceTimersByTimeAsync(1)
  }
  expect(notify).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(notify).toHaveBeenCalledTimes(2)
})

test('tells again of a job that came while it was telling', async () => {
  const telling = Promise.withResolvers<void>()
  const notify = vi.fn<Notify>(async () => {}).mockReturnValueOnce(telling.promise)
  const notifier = setUp(notify)
  notifier.tell()
  await vi.advanceTimersByTimeAsync(5)
  notifier.tell()
  telling.resolve()
  await vi.advanceTimersByTimeAsync(5)
  expect(notify).toHaveBeenCalledTimes(2)
})

test('close waits until what was added is told', async () => {
  const telling = Promise.withResolvers<void>()
  const notifier = setUp(() => telling.promise)
  notifier.tell()
  const closed = vi.fn<() => void>()
  void notifier.close().then(closed)
  await vi.advanceTimersByTimeAsync(5)
  expect(closed).not.toHaveBeenCalled()
  telling.resolve()
  await vi.advanceTimersByTimeAsync(0)
  expect(closed).toHaveBeenCalledOnce()
})

test('close does not wait for a store that says nothing', async () => {
  const notifier = setUp(() => new Promise(() => {}))
  notifier.tell()
  await vi.advanceTimersByTimeAsync(5)
  const closed = vi.fn<() => void>()
  void notifier.close().then(closed)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(closed).toHaveBeenCalledOnce()
})

test('a failure ends neither the process nor the telling of later jobs', async () => {
  const notify = vi.fn<Notify>(async () => {}).mockRejectedValueOnce(new Error('gone'))
  const notifier = setUp(notify)
  notifier.tell()
  await vi.advanceTimersByTimeAsync(1_000)
  notifier.tell()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(notify).toHaveBeenCalledTimes(2)
})

test('does nothing where the store cannot tell', async () => {
  const notifier = new Notifier(memoryJobStore(), 'shop')
  notifier.tell()
  expect(vi.getTimerCount()).toBe(0)
})
