import { expect, test, vi } from 'vitest'
import { LateAbort } from './late-abort.ts'

const first = new Error('first')
const second = new Error('second')

test('a signal that was asked for before is aborted', () => {
  const stop = new LateAbort()
  const { signal } = stop
  expect(signal.aborted).toBe(false)
  stop.abort(first)
  expect(signal.reason).toBe(first)
  expect(stop.signal).toBe(signal)
})

test('a signal that is asked for afterwards is aborted already', () => {
  const stop = new LateAbort()
  stop.abort(first)
  expect(stop.signal.reason).toBe(first)
})

test('of several reasons the first one counts, whether a signal was asked for or not', () => {
  const stop = new LateAbort()
  stop.abort(first)
  stop.abort(second)
  expect([stop.reason, stop.signal.reason]).toEqual([first, first])
})

test('no signal is made for whoever asks for the reason', () => {
  const made = vi.spyOn(globalThis, 'AbortController')
  const stop = new LateAbort()
  stop.abort(first)
  expect(stop.reason).toBe(first)
  expect(made).not.toHaveBeenCalled()
  made.mockRestore()
})
