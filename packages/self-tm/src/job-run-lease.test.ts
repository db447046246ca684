import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { untilAborted } from '../test/fake-participant.ts'
import { leaseMs, settled, setUpRuns } from '../test/run-jobs.ts'
import { pause } from '../test/work.ts'
import { monotonicMs } from './clock.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a lease that is lost', () => {
  test('tells the step to stop, is reported once and changes nothing', async () => {
    const { participant, memory, claimNew, claimDue, run } = setUpRuns({ A: untilAborted })
    const claim = await claimNew('A')
    const running = run(claim)
    await vi.advanceTimersByTimeAsync(leaseMs / 2)
    await memory.renew([claim], 0)
    const successor = await claimDue('A')
    running.lost('another process holds it')
    running.lost('another process holds it')
    await settled()
    expect(participant.calls[0]!.signal.reason).toMatchObject({ code: 'LEASE_LOST' })
    expect(participant.events).toEqual([{ type: 'lease.lost', gid: claim.gid, step: 'A' }])
    expect(await memory.find(claim.gid)).toMatchObject({ running: true, attempts: 1 })
    expect(await memory.renew([successor!], leaseMs)).toEqual(new Set([claim.gid]))
  })

  test('keeps a step that ends too late from being recorded', async () => {
    const step = Promise.withResolvers<void>()
    const { participant, memory, claimNew, claimDue, run } = setUpRuns({ A: () => step.promise })
    const claim = await claimNew('A')
    run(claim)
    await vi.advanceTimersByTimeAsync(leaseMs)
    await claimDue('A')
    step.resolve()
    await settled()
    expect(await memory.find(claim.gid)).toMatchObject({ state: 'submitted' })
    expect(participant.events).toEqual([{ type: 'lease.lost', gid: claim.gid, step: 'A' }])
  })

  test('keeps the next step from beginning when the completion came too late', async () => {
    const step = Promise.withResolvers<void>()
    const { participant, memory, claimNew, claimDue, run } = setUpRuns({
      A: () => step.promise,
      B() {},
    })
    const claim = await claimNew('A', 'B')
    run(claim)
    await vi.advanceTimersByTimeAsync(leaseMs)
    await claimDue('A')
    step.resolve()
    await settled()
    expect(participant.begun).toEqual(['A'])
    expect((await memory.find(claim.gid))!.steps[0]).toEqual({ name: 'A', done: false })
  })
})

describe('the deadline of this process', () => {
  test('counts from the first sending of a completion whose answer was lost', async () => {
    let lost = 1
    const { participant, memory, claimNew, run } = setUpRuns(
      { A() {}, B: untilAborted },
      {
        async settle(settlements) {
          const results = await memory.settle(settlements)
          if (lost-- > 0) await pause(5_000).then(() => Promise.reject(new Error('lost')))
          return results
        },
      },
    )
    run(await claimNew('A', 'B'))
    await vi.advanceTimersByTimeAsync(leaseMs * 0.9 - 1)
    const { signal } = participant.calls[1]!
    expect(signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(signal.aborted).toBe(true)
  })

  test('tells the step to stop although nobody else has taken the job', async () => {
    const { participant, claimNew, run } = setUpRuns({ A: untilAborted })
    run(await claimNew('A'))
    await vi.advanceTimersByTimeAsync(leaseMs * 0.9 - 1)
    expect(participant.calls[0]!.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(participant.calls[0]!.signal.reason).toMatchObject({ code: 'LEASE_LOST' })
  })

  test('counts from when the claim was sent', async () => {
    const { participant, claimNew, run } = setUpRuns({ A: untilAborted })
    run(await claimNew('A'), { sentAtMs: monotonicMs() - 4_000 })
    await vi.advanceTimersByTimeAsync(leaseMs * 0.9 - 4_000)
    expect(participant.calls[0]!.signal.aborted).toBe(true)
  })

  test('lets no further step begin, but what was done is kept', async () => {
    const { participant, claimNew, claimDue, run } = setUpRuns({
      A: async () => await new Promise<void>((resolve) => setTimeout(resolve, leaseMs * 0.95)),
      B() {},
    })
    const claim = await claimNew('A', 'B')
    run(claim)
    await vi.advanceTimersByTimeAsync(leaseMs)
    expect(participant.begun).toEqual(['A'])
    expect(await claimDue('B')).toMatchObject({ gid: claim.gid, cursor: 1 })
  })

  test('is put off by a renewal', async () => {
    const { participant, claimNew, run } = setUpRuns({ A: untilAborted })
    const running = run(await claimNew('A'))
    await vi.advanceTimersByTimeAsync(leaseMs / 2)
    running.renewed(monotonicMs())
    await vi.advanceTimersByTimeAsync(leaseMs * 0.9 - 1)
    expect(participant.calls[0]!.signal.aborted).toBe(false)
  })

  test('is put off by a step that was recorded', async () => {
    const { participant, claimNew, run } = setUpRuns({
      A: async () => await new Promise<void>((resolve) => setTimeout(resolve, leaseMs / 2)),
      B: untilAborted,
    })
    run(await claimNew('A', 'B'))
    await vi.advanceTimersByTimeAsync(leaseMs)
    expect(participant.begun).toEqual(['A', 'B'])
    expect(participant.calls[1]!.signal.aborted).toBe(false)
  })
})

test('a renewal that finds nothing, because the end is being written, is no loss', async () => {
  const letGo = Promise.withResolvers<void>()
  const { participant, memory, claimNew, run } = setUpRuns(
    { A() {} },
    {
      async settle(settlements) {
        const results = await memory.settle(settlements)
        await letGo.promise
        return results
      },
    },
  )
  const claim = await claimNew('A')
  const running = run(claim)
  await settled()
  expect(await memory.renew([claim], leaseMs)).toEqual(new Set())
  running.lost('another process holds it')
  letGo.resolve()
  await settled()
  expect(participant.calls[0]!.signal.aborted).toBe(false)
  expect(participant.events).toEqual([{ type: 'job.finished', gid: claim.gid }])
})

test('a renewal that is answered after the end leaves no timer behind', async () => {
  const { claimNew, run } = setUpRuns({ A() {} })
  const running = run(await claimNew('A'))
  await settled()
  await running.over
  running.renewed(monotonicMs())
  expect(vi.getTimerCount()).toBe(0)
})

describe('a job that this process stored already leased to itself', () => {
  test('runs once a renewal has shown that its row is there', async () => {
    const { participant, claimNew, run } = setUpRuns({ A() {} })
    run(await claimNew('A'), { proven: false })
    await settled()
    expect(participant.begun).toEqual(['A'])
  })

  test('does not run when its row is not there', async () => {
    const { participant, memory, claimNew, run } = setUpRuns({ A() {} })
    const settle = vi.spyOn(memory, 'settle')
    const { over } = run({ ...(await claimNew('A')), gid: 'rolled-back' }, { proven: false })
    await settled()
    await over
    expect(participant.begun).toEqual([])
    expect(settle).not.toHaveBeenCalled()
    expect(participant.events).toEqual([{ type: 'job.missing', gid: 'rolled-back' }])
  })

  test('does not run when the store cannot say whether its row is there', async () => {
    const { participant, memory, claimNew, run } = setUpRuns(
      { A() {} },
      {
        async renew() {
          throw new Error('refused')
        },
      },
    )
    const claim = await claimNew('A')
    const { over } = run(claim, { proven: false })
    await settled()
    await over
    expect(participant.begun).toEqual([])
    expect(await memory.find(claim.gid)).toMatchObject({ state: 'submitted', attempts: 0 })
  })

  test('is given back when its lease ran out before the commit was known', async () => {
    const { participant, claimNew, claimDue, run } = setUpRuns({ A() {} })
    const sentAtMs = monotonicMs()
    const claim = await claimNew('A')
    await vi.advanceTimersByTimeAsync(leaseMs * 0.95)
    run(claim, { sentAtMs })
    await settled()
    expect(participant.begun).toEqual([])
    expect(await claimDue('A')).toMatchObject({ gid: claim.gid, attempts: 0 })
  })
})
