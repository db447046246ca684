import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Idle } from './idle.ts'

const open = vi.fn<() => object>(() => ({}))
const close = vi.fn<(opened: object) => void>()
let busy = false
let idle: Idle<object>

beforeEach(() => {
  vi.useFakeTimers()
  vi.clearAllMocks()
  busy = false
  idle = new Idle(open, close, () => busy)
})

afterEach(() => {
  vi.useRealTimers()
})

test('it is opened when it is first needed, once', () => {
  expect(open).not.toHaveBeenCalled()
  expect(idle.get()).toBe(idle.get())
  expect(open).toHaveBeenCalledTimes(1)
})

test('unused for five seconds it is closed, and opened anew when it is needed', () => {
  const first = idle.get()
  vi.advanceTimersByTime(4_900)
  idle.get()
  vi.advanceTimersByTime(4_900)
  expect(close).not.toHaveBeenCalled()
  vi.advanceTimersByTime(100)
  expect(close).toHaveBeenCalledExactlyOnceWith(first)
  expect(idle.get()).not.toBe(first)
})

test('while it is busy it stays open', () => {
  idle.get()
  busy = true
  vi.advanceTimersByTime(20_000)
  expect(close).not.toHaveBeenCalled()
  busy = false
  vi.advanceTimersByTime(5_000)
  expect(close).toHaveBeenCalledTimes(1)
})

test('dropped it is closed at once, and only once', () => {
  const first = idle.get()
  idle.drop()
  vi.advanceTimersByTime(5_000)
  expect(close).toHaveBeenCalledExactlyOnceWith(first)
})

test('what could not be opened is tried again', () => {
  open.mockImplementationOnce(() => {
    throw new Error('no such folder')
  })
  expect(() => idle.get()).toThrow('no such folder')
  expect(idle.get()).toEqual({})
})
