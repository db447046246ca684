import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WakeUp } from './wake-up.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a wait ends after its time', async () => {
  const ended = vi.fn<() => void>()
  void new WakeUp().wait(100).then(ended)
  await vi.advanceTimersByTimeAsync(99)
  expect(ended).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(ended).toHaveBeenCalledOnce()
})

test('a wake cuts the wait short and leaves no timer behind', async () => {
  const wakeUp = new WakeUp()
  const wait = wakeUp.wait(100)
  wakeUp.wake()
  await wait
  expect(vi.getTimerCount()).toBe(0)
})

test('a wake while nobody waits ends the next wait at once', async () => {
  const wakeUp = new WakeUp()
  wakeUp.wake()
  await wakeUp.wait(100)
  expect(vi.getTimerCount()).toBe(0)
})

test('many wakes end one wait only', async () => {
  const wakeUp = new WakeUp()
  wakeUp.wake()
  wakeUp.wake()
  await wakeUp.wait(100)
  const ended = vi.fn<() => void>()
  void wakeUp.wait(100).then(ended)
  await vi.advanceTimersByTimeAsync(99)
  expect(ended).not.toHaveBeenCalled()
})

test('a wait for no time is over at once, and takes the wake that came before it', async () => {
  const wakeUp = new WakeUp()
  wakeUp.wake()
  await wakeUp.wait(0)
  await wakeUp.wait(0)
  expect(vi.getTimerCount()).toBe(0)
  void wakeUp.wait(100)
  expect(vi.getTimerCount()).toBe(1)
})
