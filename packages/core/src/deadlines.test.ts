import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Deadlines } from './deadlines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function waiting() {
  return { onDeadline: vi.fn<() => void>() }
}

function inMs(ms: number): number {
  return performance.now() + ms
}

test('each is told at its own deadline', () => {
  const deadlines = new Deadlines()
  const [late, early] = [waiting(), waiting()]
  deadlines.set(late, inMs(200))
  deadlines.set(early, inMs(100))
  vi.advanceTimersByTime(99)
  expect(early.onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(early.onDeadline).toHaveBeenCalledOnce()
  vi.advanceTimersByTime(99)
  expect(late.onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(late.onDeadline).toHaveBeenCalledOnce()
})

test('one that is over is not told, and the others still are', () => {
  const deadlines = new Deadlines()
  const [over, other] = [waiting(), waiting()]
  deadlines.set(over, inMs(100))
  deadlines.set(other, inMs(200))
  deadlines.delete(over)
  vi.advanceTimersByTime(200)
  expect(over.onDeadline).not.toHaveBeenCalled()
  expect(other.onDeadline).toHaveBeenCalledOnce()
})

test('a deadline that was moved holds, and the earlier one does not', () => {
  const deadlines = new Deadlines()
  const moved = waiting()
  deadlines.set(moved, inMs(100))
  deadlines.set(moved, inMs(300))
  vi.advanceTimersByTime(299)
  expect(moved.onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(moved.onDeadline).toHaveBeenCalledOnce()
})

test('one that is told may wait again', () => {
  const deadlines = new Deadlines()
  const again = { onDeadline: vi.fn<() => void>(() => deadlines.set(again, inMs(50))) }
  deadlines.set(again, inMs(100))
  vi.advanceTimersByTime(150)
  expect(again.onDeadline).toHaveBeenCalledTimes(2)
})

test('one that is ended by another at the same time is not told', () => {
  const deadlines = new Deadlines()
  const second = waiting()
  deadlines.set({ onDeadline: () => deadlines.delete(second) }, inMs(100))
  deadlines.set(second, inMs(100))
  vi.advanceTimersByTime(100)
  expect(second.onDeadline).not.toHaveBeenCalled()
})

test('a deadline in the past is told of soon, and one that no timer can hold is not', () => {
  const deadlines = new Deadlines()
  const [past, far, never] = [waiting(), waiting(), waiting()]
  deadlines.set(past, inMs(-100))
  deadlines.set(far, inMs(2 ** 31))
  deadlines.set(never, Infinity)
  vi.advanceTimersByTime(2 ** 31 - 1)
  expect(past.onDeadline).toHaveBeenCalledOnce()
  expect(far.onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(far.onDeadline).toHaveBeenCalledOnce()
  expect(never.onDeadline).not.toHaveBeenCalled()
})

test('no timer is left when nobody waits', () => {
  const deadlines = new Deadlines()
  const only = waiting()
  deadlines.set(only, inMs(100))
  deadlines.delete(only)
  expect(vi.getTimerCount()).toBe(0)
})
