import { SteppingError } from '@stepping/core'
import type { StepCall, StepOutcome } from '@stepping/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Attempts } from './attempts.ts'

const step = { gid: 'g', index: 0, name: 'Ship' }

let calls: StepCall[]
let parked: string[]

/** An attempt that the test ends. */
let end: PromiseWithResolvers<StepOutcome | 'undecided'>

function failure(rest: Partial<Extract<StepOutcome, { done: false }>> = {}): StepOutcome {
  const error = new Error('no luck')
  return { done: false, error, interrupted: false, park: false, retryInMs: 1_000, ...rest }
}

function attempts(concurrency = 10): Attempts {
  return new Attempts({
    concurrency,
    parkedMs: 60_000,
    onParked: ({ name }, { message }) => parked.push(`${name}: ${message}`),
    run: async (call) => {
      calls.push(call)
      end = Promise.withResolvers()
      return await end.promise
    },
  })
}

beforeEach(() => {
  calls = []
  parked = []
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

async function ended(
  attempt: Promise<unknown>,
  outcome: StepOutcome | 'undecided',
): Promise<unknown> {
  end.resolve(outcome)
  return await attempt
}

describe('a step', () => {
  it('that is done is told so once, and from then on that it was', async () => {
    const all = attempts()
    expect(await ended(all.ask(step, 1_000), { done: true })).toBe('done')
    expect(await all.ask(step, 1_000)).toBe('done before')
    expect(calls).toHaveLength(1)
  })

  it('is another one for each caller, whatever gid it gives', async () => {
    const all = attempts()
    const callers = [undefined, 'billing', 'shipping']
    for (const caller of callers) {
      const mine = { ...step, ...(caller !== undefined && { caller }) }
      expect(await ended(all.ask(mine, 1_000), { done: true })).toBe('done')
    }
    expect(calls.map(({ caller }) => caller)).toEqual(callers)
  })

  it('that runs is not begun again, nor waited for', async () => {
    const all = attempts()
    const first = all.ask(step, 1_000)
    expect(await all.ask(step, 1_000)).toBe('running')
    expect(all.running).toBe(1)
    expect(await ended(first, { done: true })).toBe('done')
    expect(all.running).toBe(0)
    expect(calls).toHaveLength(1)
  })

  it('that takes longer than the call is told to the next one', async () => {
    const all = attempts()
    const first = all.ask(step, 1_000)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await first).toBe('running')
    await ended(Promise.resolve(), { done: true })
    await vi.advanceTimersByTimeAsync(0)
    expect(await all.ask(step, 1_000)).toBe('done')
  })

  it('that failed is told so, rests, and has its attempts counted', async () => {
    const all = attempts()
    expect(await ended(all.ask(step, 1_000), failure())).toBe('failed')
    expect(await all.ask(step, 1_000)).toBe('waiting')
    vi.advanceTimersByTime(1_000)
    expect(await ended(all.ask(step, 1_000), { done: true })).toBe('done')
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2])
  })

  it('that wants to wait is not called a failure', async () => {
    const all = attempts()
    const error = new SteppingError('STEP_RETRY', 'not yet')
    expect(await ended(all.ask(step, 1_000), failure({ error }))).toBe('waiting')
    expect(all.state('g', 0)).toMatchObject({ failures: 1, lastError: 'not yet' })
  })

  it('that another process is at waits, and no attempt is counted', async () => {
    const all = attempts()
    expect(await ended(all.ask(step, 1_000), 'undecided')).toBe('waiting')
    expect(all.state('g', 0)).toMatchObject({ failures: 0, lastError: null })
    expect(await ended(all.ask(step, 1_000), { done: true })).toBe('done')
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 1])
  })

  it('that parked its job rests longer, until somebody wakes it', async () => {
    const all = attempts()
    expect(await ended(all.ask(step, 1_000), failure({ park: true }))).toBe('parked')
    expect(parked).toEqual(['Ship: no luck'])
    vi.advanceTimersByTime(59_999)
    expect(await all.ask(step, 1_000)).toBe('waiting')
    expect(all.state('g', 0)).toMatchObject({ isParked: true })
    all.wake('g', 0)
    expect(await ended(all.ask(step, 1_000), { done: true })).toBe('done')
  })

  it('beyond the number that may run at once waits', async () => {
    const all = attempts(1)
    const first = all.ask(step, 1_000)
    expect(await all.ask({ ...step, gid: 'h' }, 1_000)).toBe('waiting')
    await ended(first, { done: true })
  })

  it('that was done a day ago may be that of a new job with the same gid', async () => {
    const all = attempts()
    await ended(all.ask(step, 1_000), { done: true })
    vi.advanceTimersByTime(86_399_999)
    expect(await all.ask(step, 1_000)).toBe('done before')
    vi.advanceTimersByTime(1)
    expect(await ended(all.ask(step, 1_000), { done: true })).toBe('done')
    expect(calls).toHaveLength(2)
  })

  it('is forgotten when ten thousand others came after it, unless it runs', async () => {
    const all = attempts(2)
    void all.ask({ ...step, gid: 'running' }, 0)
    await ended(all.ask(step, 1_000), { done: true }).catch(() => {})
    for (let n = 0; n < 10_000; n++) void all.ask({ ...step, gid: `other ${n}` }, 0)
    expect(all.state('g', 0)).toBeUndefined()
    expect(all.state('running', 0)).toMatchObject({ isRunning: true })
  })
})

describe('closing', () => {
  it('begins nothing any more, and waits for what runs', async () => {
    const all = attempts()
    const running = all.ask(step, 1_000)
    const closed = all.close(5_000)
    expect(await all.ask({ ...step, index: 1 }, 1_000)).toBe('interrupted')
    expect(await ended(running, { done: true })).toBe('done')
    await closed
    expect(calls[0]!.signal.aborted).toBe(false)
  })

  it('tells what takes too long to stop, which does not count as an attempt', async () => {
    const all = attempts()
    const running = all.ask(step, 60_000)
    const closed = all.close(5_000)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(calls[0]!.signal.reason).toMatchObject({ code: 'STEP_INTERRUPTED' })
    expect(await ended(running, failure({ interrupted: true }))).toBe('interrupted')
    await closed
    expect(all.state('g', 0)).toMatchObject({ failures: 0 })
  })
})
