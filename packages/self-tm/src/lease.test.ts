import { Deadlines, isSteppingError, SteppingError } from '@stepping/core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { monotonicMs } from './clock.ts'
import { Lease } from './lease.ts'
import { LeasedCall } from './leased-call.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Of one second. */
function begun(sentAtMs: number): Lease {
  return new Lease('a', 1_000, sentAtMs, new Deadlines())
}

test('is held for nine tenths of its time, counted from the sending of the request', async () => {
  const lease = begun(monotonicMs() - 400)
  await vi.advanceTimersByTimeAsync(499)
  expect(lease.isHeld).toBe(true)
  await vi.advanceTimersByTimeAsync(1)
  expect(lease.isHeld).toBe(false)
})

test('aborts the signal at the deadline with the gid and the reason', async () => {
  const lease = begun(monotonicMs())
  await vi.advanceTimersByTimeAsync(899)
  expect(lease.signal.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(lease.signal.reason).toMatchObject({ code: 'LEASE_LOST', gid: 'a' })
})

test('is not held after its deadline although the timer is late', () => {
  const lease = begun(monotonicMs())
  const now = monotonicMs()
  vi.spyOn(performance, 'now').mockReturnValue(now + 900)
  expect(lease.signal.aborted).toBe(false)
  expect(lease.isHeld).toBe(false)
  expect(lease.signal.reason).toMatchObject({ code: 'LEASE_LOST', gid: 'a' })
})

test('a call knows that it is stopped by the time, before a timer tells', () => {
  const lease = begun(monotonicMs())
  const steps = [{ name: 'A' }]
  const claim = { gid: 'a', token: 1, state: 'submitted', steps, cursor: 0, attempts: 0 } as const
  const call = new LeasedCall(claim, 0, lease)
  expect(call.isStopped).toBe(false)
  const now = monotonicMs()
  vi.spyOn(performance, 'now').mockReturnValue(now + 900)
  expect(call.isStopped).toBe(true)
})

test('extended, it is held from when the renewal was sent', async () => {
  const lease = begun(monotonicMs())
  await vi.advanceTimersByTimeAsync(500)
  lease.extend(monotonicMs() - 100)
  await vi.advanceTimersByTimeAsync(799)
  expect(lease.isHeld).toBe(true)
  await vi.advanceTimersByTimeAsync(1)
  expect(lease.signal.aborted).toBe(true)
})

test('taken by a process that slept meanwhile it is over at once, without a warning of Node', async () => {
  vi.useRealTimers()
  const warned = vi.spyOn(process, 'emitWarning')
  const lease = begun(monotonicMs() - 5_000)
  await vi.waitFor(() => expect(lease.signal.aborted).toBe(true))
  expect(warned).not.toHaveBeenCalled()
})

test('a renewal that was sent earlier and answered later does not shorten it', async () => {
  const lease = begun(monotonicMs())
  await vi.advanceTimersByTimeAsync(300)
  const first = monotonicMs() - 200
  lease.extend(monotonicMs())
  lease.extend(first)
  await vi.advanceTimersByTimeAsync(899)
  expect(lease.isHeld).toBe(true)
})

test('lost, it stays lost whatever renewal comes in later', () => {
  const lease = begun(monotonicMs())
  lease.lose('another process holds it')
  lease.extend(monotonicMs())
  expect(lease.isHeld).toBe(false)
  expect(lease.signal.reason).toMatchObject({
    code: 'LEASE_LOST',
    message: expect.stringContaining('another process holds it'),
  })
})

test('keeps the first reason of several', () => {
  const lease = begun(monotonicMs())
  lease.abort(new SteppingError('STEP_INTERRUPTED', 'closing'))
  lease.lose('too late')
  expect(isSteppingError(lease.signal.reason, 'STEP_INTERRUPTED')).toBe(true)
})

test('ended, it leaves no timer behind', () => {
  const lease = begun(monotonicMs())
  lease.end()
  expect(vi.getTimerCount()).toBe(0)
})

test('lost and renewed, it leaves no timer behind', () => {
  const lease = begun(monotonicMs())
  lease.lose('another process holds it')
  lease.extend(monotonicMs())
  expect(vi.getTimerCount()).toBe(0)
})
