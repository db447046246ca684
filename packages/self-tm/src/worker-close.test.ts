import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { untilAborted } from '../test/fake-participant.ts'
import { jobOf } from '../test/jobs.ts'
import { claimDue, drainMs, leaseMs, pause, settled, setUpWorker } from '../test/work.ts'
import type { WorkerParts } from '../test/work.ts'
import { memoryJobStore } from './store/memory-job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Begins to close; `closed` is called when that is done. */
function close({ worker }: WorkerParts): ReturnType<typeof vi.fn> {
  const closed = vi.fn<() => void>()
  void worker.close().then(closed)
  return closed
}

test('idle, it closes at once and leaves no timer behind', async () => {
  const parts = setUpWorker({ A() {} })
  await settled()
  const closed = close(parts)
  await settled()
  expect(closed).toHaveBeenCalledOnce()
  expect(vi.getTimerCount()).toBe(0)
})

test('closed, it claims nothing any more', async () => {
  const parts = setUpWorker({ A() {} })
  await settled()
  close(parts)
  await parts.submit('A')
  parts.worker.wake()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(parts.participant.begun).toEqual([])
  expect(parts.worker.reserve()).toBeUndefined()
})

describe('a step that runs', () => {
  test('is let end, and its job goes on in another process without delay', async () => {
    const parts = setUpWorker({ A: async () => await pause(drainMs / 2), B() {} })
    const gid = await parts.submit('A', 'B')
    await settled()
    const closed = close(parts)
    await vi.advanceTimersByTimeAsync(drainMs / 2 - 20)
    expect(closed).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(40)
    expect(closed).toHaveBeenCalledOnce()
    expect(parts.participant.begun).toEqual(['A'])
    const other = setUpWorker({ A() {}, B() {} }, { memory: parts.memory, owner: 'other' })
    await settled()
    expect(other.participant.begun).toEqual(['B'])
    expect(other.participant.eventsOf('job.finished')).toEqual([{ type: 'job.finished', gid }])
  })

  test('is told to stop when it takes too long, and the attempt does not count', async () => {
    const parts = setUpWorker({ A: untilAborted })
    const gid = await parts.submit('A')
    await settled()
    const closed = close(parts)
    await vi.advanceTimersByTimeAsync(drainMs - 10)
    expect(parts.participant.calls[0]!.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(20)
    expect(parts.participant.calls[0]!.signal.reason).toMatchObject({ code: 'STEP_INTERRUPTED' })
    expect(closed).toHaveBeenCalledOnce()
    expect(await parts.memory.find(gid)).toMatchObject({ running: false, attempts: 0 })
  })

  test('and does not obey is waited for a moment only, and keeps its lease', async () => {
    const parts = setUpWorker({ A: async () => await pause(60_000) })
    const gid = await parts.submit('A')
    await settled()
    const closed = close(parts)
    await vi.advanceTimersByTimeAsync(drainMs + 1_010)
    expect(closed).toHaveBeenCalledOnce()
    expect(await parts.memory.find(gid)).toMatchObject({ running: true })
  })

  test('keeps its lease while it is let end', async () => {
    const long = { drainMs: 2 * leaseMs }
    const parts = setUpWorker({ A: async () => await pause(2 * leaseMs) }, long)
    await parts.submit('A')
    await settled()
    close(parts)
    const other = setUpWorker({ A() {} }, { memory: parts.memory, owner: 'other' })
    await vi.advanceTimersByTimeAsync(2 * leaseMs)
    expect(parts.participant.eventsOf('job.finished')).toHaveLength(1)
    expect(other.participant.begun).toEqual([])
  })
})

describe('what was not begun', () => {
  test('is given back when its turn would come during the close', async () => {
    const memory = memoryJobStore()
    for (let n = 0; n < 3_000; n++) await memory.submit(jobOf(['A']))
    let closed: ReturnType<typeof close> | undefined
    const parts: WorkerParts = setUpWorker(
      {
        A() {
          closed ??= close(parts)
        },
      },
      { memory, concurrency: 6_000 },
    )
    await settled()
    expect(closed).toHaveBeenCalledOnce()
    const begun = parts.participant.begun.length
    expect(begun).toBeLessThan(3_000)
    const request = { app: 'shop', owner: 'other', leaseMs, limit: 3_000, stepNames: ['A'] }
    expect((await memory.claim(request)).claims).toHaveLength(3_000 - begun)
  })

  test('is given back when its claim is answered during the close', async () => {
    const answer = Promise.withResolvers<void>()
    const parts: WorkerParts = setUpWorker(
      { A() {} },
      {
        replaced: {
          async claim(request) {
            const claimed = await parts.memory.claim(request)
            await answer.promise
            return claimed
          },
        },
      },
    )
    const gid = await parts.submit('A')
    await settled()
    const closed = close(parts)
    answer.resolve()
    await settled()
    expect(closed).toHaveBeenCalledOnce()
    expect(parts.participant.begun).toEqual([])
    expect(await parts.memory.find(gid)).toMatchObject({ running: false, attempts: 0 })
  })

  test('is given back when its transaction commits during the close', async () => {
    const parts = setUpWorker({ A: async () => await pause(1_000) })
    await parts.submit('A')
    await settled()
    const slot = parts.worker.reserve()!
    const sentAtMs = performance.now()
    const job = jobOf(['A'])
    const { token } = await parts.memory.submit(job, { owner: 'me', leaseMs })
    close(parts)
    slot.run({ ...job, token: token!, state: 'submitted', cursor: 0, attempts: 0 }, sentAtMs, true)
    await settled()
    expect(parts.participant.begun).toEqual(['A'])
    expect(await parts.memory.find(job.gid)).toMatchObject({ running: false, attempts: 0 })
  })

  test('is given back when it waited for its own stalled attempt', async () => {
    const parts = setUpWorker(
      {
        A: async (call) => (await untilAborted(call), await pause(2_000), await untilAborted(call)),
      },
      {
        replaced: {
          async renew() {
            throw new Error('refused')
          },
        },
      },
    )
    const gid = await parts.submit('A')
    // The lease has run out and the job is claimed again, but its first attempt has not ended.
    await vi.advanceTimersByTimeAsync(leaseMs + 100)
    close(parts)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(parts.participant.begun).toEqual(['A'])
    expect(await parts.memory.find(gid)).toMatchObject({ running: false, attempts: 1 })
  })
})

describe('a store that is away', () => {
  test('does not keep it from closing: what was done is done again later', async () => {
    const parts: WorkerParts = setUpWorker({ A: () => parts.cut() })
    await parts.submit('A')
    await settled()
    const closed = close(parts)
    await vi.advanceTimersByTimeAsync(drainMs + 1_100)
    expect(closed).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('and says nothing at all does not keep it from closing either', async () => {
    const never = new Promise<never>(() => {})
    const silent = { claim: async () => await never, settle: async () => await never }
    const parts = setUpWorker({ A: async () => await pause(1_000) }, { replaced: silent })
    const gid = await parts.submit('A')
    parts.worker.reserve()!.run(await claimDue(parts.memory), performance.now(), true)
    await settled()
    const closed = close(parts)
    await vi.advanceTimersByTimeAsync(2 * drainMs + 1_000 + leaseMs)
    expect(closed).toHaveBeenCalledOnce()
    expect(await parts.memory.find(gid)).toMatchObject({ state: 'submitted' })
  })
})
