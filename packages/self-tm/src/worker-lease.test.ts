import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { untilAborted } from '../test/fake-participant.ts'
import { counting, leaseMs, pause, settled, setUpWorker } from '../test/work.ts'
import type { WorkerParts } from '../test/work.ts'
import { memoryJobStore } from './store/memory-job-store.ts'
import type { JobStore } from './store/job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const refused = async (): Promise<never> => {
  throw new Error('refused')
}

describe('the heartbeat', () => {
  test('keeps a job with its process for as long as a step takes', async () => {
    const { participant, memory, submit } = setUpWorker({ A: async () => await pause(60_000) })
    await submit('A')
    await settled()
    const other = setUpWorker({ A() {} }, { memory, owner: 'other' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(other.participant.begun).toEqual([])
    expect(participant.calls[0]!.signal.aborted).toBe(false)
    expect(participant.eventsOf('job.finished')).toHaveLength(1)
  })

  test('writes one statement for all jobs, and none when nothing runs', async () => {
    const renew = vi.fn<JobStore['renew']>(async (...args) => await parts.memory.renew(...args))
    const parts: WorkerParts = setUpWorker(
      { A: async () => await pause(leaseMs) },
      { replaced: { renew } },
    )
    await vi.advanceTimersByTimeAsync(leaseMs)
    expect(renew).not.toHaveBeenCalled()
    for (let i = 0; i < 5; i++) await parts.submit('A')
    await vi.advanceTimersByTimeAsync(leaseMs / 2)
    expect(renew).toHaveBeenCalledOnce()
    expect(renew.mock.calls[0]![0]).toHaveLength(5)
  })

  test('that finds the job with somebody else tells the step to stop', async () => {
    const replaced: Partial<JobStore> = { renew: async () => new Set() }
    const { participant, submit } = setUpWorker({ A: untilAborted }, { replaced })
    await submit('A')
    await settled()
    await vi.advanceTimersByTimeAsync(leaseMs / 3)
    expect(participant.calls[0]!.signal.reason).toMatchObject({ code: 'LEASE_LOST' })
    expect(participant.eventsOf('lease.lost')).toHaveLength(1)
  })

  test('survives one renewal that did not get through', async () => {
    const renew = vi.fn<JobStore['renew']>(async (...args) => await parts.memory.renew(...args))
    renew.mockRejectedValueOnce(new Error('refused'))
    const parts: WorkerParts = setUpWorker(
      { A: async () => await pause(3 * leaseMs) },
      { replaced: { renew } },
    )
    await parts.submit('A')
    await vi.advanceTimersByTimeAsync(3 * leaseMs + 100)
    expect(parts.participant.begun).toEqual(['A'])
    expect(parts.participant.eventsOf('job.finished')).toHaveLength(1)
  })
})

test('a process that cannot renew stops before another one begins, and changes nothing', async () => {
  const step = counting(untilAborted)
  const { participant, memory, submit, cut } = setUpWorker({ A: step })
  const gid = await submit('A')
  await settled()
  cut()
  const other = setUpWorker({ A: step }, { memory, owner: 'other' })
  await vi.advanceTimersByTimeAsync(leaseMs + 100)
  expect(participant.calls[0]!.signal.aborted).toBe(true)
  expect(other.participant.begun).toEqual(['A'])
  expect(step.most).toBe(1)
  expect(await memory.find(gid)).toMatchObject({ running: true, attempts: 1 })
})

describe('a process that claims its own stalled job', () => {
  /** Its leases run out because no renewal gets through. */
  const replaced = { renew: refused }

  test('begins again only when the attempt before has ended', async () => {
    const step = counting(async (call) => {
      if (call.index === 0 && step.now > 0 && participant.calls.length > 1) return
      await untilAborted(call)
      await pause(leaseMs / 5)
      return await untilAborted(call)
    })
    const { participant, submit } = setUpWorker({ A: step }, { replaced })
    await submit('A')
    await vi.advanceTimersByTimeAsync(leaseMs * 1.5)
    expect(participant.begun).toEqual(['A', 'A'])
    expect(step.most).toBe(1)
    expect(participant.eventsOf('job.finished')).toHaveLength(1)
  })

  test('tells the attempt before to stop, which may have slept through its own deadline', async () => {
    let ahead = 0
    const memory = memoryJobStore({ now: () => Date.now() + ahead })
    const step = counting(untilAborted)
    const { participant, worker, submit } = setUpWorker({ A: step }, { memory })
    await submit('A')
    await settled()
    ahead = leaseMs
    worker.wake()
    await settled()
    expect(participant.calls[0]!.signal.reason).toMatchObject({
      code: 'LEASE_LOST',
      message: expect.stringContaining('claimed again'),
    })
    expect(participant.begun).toEqual(['A', 'A'])
    expect(step.most).toBe(1)
  })

  test('makes one attempt at a time also when it claims it twice before the first one has ended', async () => {
    let ahead = 0
    const memory = memoryJobStore({ now: () => Date.now() + ahead })
    const step = counting(async (call) => {
      await untilAborted(call).catch(() => {})
      await pause(leaseMs / 5)
      throw call.signal.reason
    })
    const { participant, worker, submit } = setUpWorker({ A: step }, { memory })
    await submit('A')
    await settled()
    for (let claims = 0; claims < 2; claims++) {
      ahead += leaseMs
      worker.wake()
      await settled()
    }
    await vi.advanceTimersByTimeAsync(leaseMs / 2)
    expect(participant.begun.length).toBeGreaterThan(1)
    expect(step.most).toBe(1)
  })

  test('gives it back while the attempt before goes on in spite of its signal', async () => {
    const step = counting(async () => await pause(3 * leaseMs))
    const { participant, memory, submit } = setUpWorker({ A: step }, { replaced })
    const gid = await submit('A')
    await vi.advanceTimersByTimeAsync(2 * leaseMs)
    expect(participant.begun).toEqual(['A'])
    expect(await memory.find(gid)).toMatchObject({ running: false, attempts: 1 })
    await vi.advanceTimersByTimeAsync(2 * leaseMs)
    expect(participant.begun).toEqual(['A', 'A'])
    expect(step.most).toBe(1)
  })
})
