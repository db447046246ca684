import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { answeredWithin } from './deadline.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('an answer is passed on, be it an error', async () => {
  expect(await answeredWithin(100, Promise.resolve('yes'))).toBe('yes')
  await expect(answeredWithin(100, Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(vi.getTimerCount()).toBe(0)
})

test('no answer is an error that says how long it was waited for', async () => {
  const answered = answeredWithin(100, new Promise(() => {})).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(100)
  expect(await answered).toMatchObject({ message: 'no answer within 100 ms' })
})

test('an error that comes after that is nobody’s', async () => {
  const late = Promise.withResolvers<never>()
  const answered = answeredWithin(100, late.promise).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(100)
  await answered
  late.reject(new Error('connection lost'))
  await vi.advanceTimersByTimeAsync(0)
})
