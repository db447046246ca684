import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { failed, parked, untilAborted } from '../test/fake-participant.ts'
import { settled, setUpRuns } from '../test/run-jobs.ts'
import type { JobStore } from './store/job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('steps', () => {
  test('run once each, one after another, and the job is finished', async () => {
    const { participant, memory, claimNew, run } = setUpRuns({ A() {}, B() {}, C() {} })
    const claim = await claimNew('A', 'B', 'C')
    run(claim)
    await settled()
    expect(participant.calls).toMatchObject([
      { gid: claim.gid, name: 'A', index: 0, attempt: 1 },
      { gid: claim.gid, name: 'B', index: 1, attempt: 1 },
      { gid: claim.gid, name: 'C', index: 2, attempt: 1 },
    ])
    expect(await memory.find(claim.gid)).toMatchObject({ state: 'finished' })
    expect(participant.events).toEqual([{ type: 'job.finished', gid: claim.gid }])
  })

  test('only the first step is told that the attempt before it was cut off', async () => {
    const { participant, claimNew, run } = setUpRuns({ A() {}, B() {} })
    run({ ...(await claimNew('A', 'B')), attempts: 1, cutOff: true })
    await settled()
    expect(participant.calls).toMatchObject([
      { name: 'A', attempt: 2, afterCutOff: true },
      { name: 'B', attempt: 1, afterCutOff: false },
    ])
  })

  test('a step does not begin before the completion of the one before it is durable', async () => {
    const letGo = Promise.withResolvers<void>()
    const { participant, memory, claimNew, run } = setUpRuns(
      { A() {}, B() {} },
      {
        async settle(settlements) {
          await letGo.promise
          return await memory.settle(settlements)
        },
      },
    )
    run(await claimNew('A', 'B'))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(participant.begun).toEqual(['A'])
    letGo.resolve()
    await settled()
    expect(participant.begun).toEqual(['A', 'B'])
  })

  test('a completion that the store cannot take now is written later, before the next step', async () => {
    const settle = vi.fn<JobStore['settle']>().mockRejectedValue(new Error('refused'))
    const { participant, memory, claimNew, run } = setUpRuns({ A() {}, B() {} }, { settle })
    run(await claimNew('A', 'B'))
    await vi.advanceTimersByTimeAsync(3_000)
    expect(participant.begun).toEqual(['A'])
    settle.mockImplementation(async (settlements) => await memory.settle(settlements))
    await vi.advanceTimersByTimeAsync(2_000)
    expect(participant.begun).toEqual(['A', 'B'])
  })

  test('a step that this process does not know is left for another one', async () => {
    const { participant, claimNew, claimDue, run } = setUpRuns({ A() {} })
    const { gid } = await claimNew('A', 'Unheard').then((claim) => (run(claim), claim))
    await settled()
    expect(participant.begun).toEqual(['A'])
    expect(await claimDue('Unheard')).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await claimDue('Unheard')).toMatchObject({ gid, cursor: 1, attempts: 0 })
  })
})

describe('a step that fails', () => {
  test('is tried again after the time that its policy says', async () => {
    const { participant, memory, claimNew, claimDue, run } = setUpRuns({
      A: () => failed(7_000, 'no luck'),
      B() {},
    })
    const { gid } = await claimNew('A', 'B').then((claim) => (run(claim), claim))
    await settled()
    expect(participant.begun).toEqual(['A'])
    expect(await memory.find(gid)).toMatchObject({ state: 'submitted', lastError: 'no luck' })
    await vi.advanceTimersByTimeAsync(6_980)
    expect(await claimDue('A')).toBeUndefined()
    await vi.advanceTimersByTimeAsync(20)
    expect(await claimDue('A')).toMatchObject({ gid, cursor: 0, attempts: 1 })
  })

  test('learns how often it was tried, and the next step begins to count anew', async () => {
    let failures = 2
    const { participant, claimNew, claimDue, run } = setUpRuns({
      A: () => (failures-- > 0 ? failed(0) : undefined),
      B() {},
    })
    run(await claimNew('A', 'B'))
    for (let i = 0; i < 2; i++) {
      await settled()
      run((await claimDue('A'))!)
    }
    await settled()
    const attempts = participant.calls.map(({ name, attempt }) => `${name}${attempt}`)
    expect(attempts).toEqual(['A1', 'A2', 'A3', 'B1'])
  })

  test('and is not to be tried again parks the job, and somebody is told', async () => {
    const { participant, memory, claimNew, run } = setUpRuns({ A: () => parked('out of paper') })
    const { gid } = await claimNew('A').then((claim) => (run(claim), claim))
    await settled()
    expect(await memory.find(gid)).toMatchObject({ state: 'parked', lastError: 'out of paper' })
    expect(participant.events).toEqual([
      { type: 'job.parked', gid, step: 'A', error: new Error('out of paper') },
    ])
  })

  test.each([
    ['to go on', 'advanced', ['A', 'B']],
    ['to finish', 'finished', ['A']],
  ] as const)(
    'with the store refusing it %s parks the job, and nothing follows',
    async (_what, to, steps) => {
      const refusal = new Error('a trigger says no')
      const { participant, memory, claimNew, run } = setUpRuns(
        { A() {}, B() {} },
        {
          isRefusal: (error) => error === refusal,
          async settle(settlements) {
            if (settlements.some((each) => each.to === to)) throw refusal
            return await memory.settle(settlements)
          },
        },
      )
      const { gid } = await claimNew(...steps).then((claim) => (run(claim), claim))
      await settled()
      expect(participant.begun).toEqual(['A'])
      expect(await memory.find(gid)).toMatchObject({ state: 'parked' })
      expect(participant.events).toEqual([{ type: 'job.parked', gid, step: 'A', error: refusal }])
    },
  )

  test('with an outcome that the store refuses parks the job, with words that it takes', async () => {
    const refusal = new Error('invalid byte sequence')
    const { memory, claimNew, run } = setUpRuns(
      { A: () => failed(0, 'bad \0 text') },
      {
        isRefusal: (error) => error === refusal,
        async settle(settlements) {
          if (settlements.some((each) => each.to === 'retried')) throw refusal
          return await memory.settle(settlements)
        },
      },
    )
    const { gid } = await claimNew('A').then((claim) => (run(claim), claim))
    await settled()
    expect(await memory.find(gid)).toMatchObject({
      state: 'parked',
      lastError: expect.stringContaining('invalid byte sequence'),
    })
  })
})

describe('closing', () => {
  test('drained, it ends the step that runs and gives the job back', async () => {
    const step = Promise.withResolvers<void>()
    const { participant, claimNew, claimDue, run } = setUpRuns({ A: () => step.promise, B() {} })
    const claim = await claimNew('A', 'B')
    const running = run(claim)
    await settled()
    running.drain()
    step.resolve()
    await settled()
    expect(participant.begun).toEqual(['A'])
    expect(await claimDue('B')).toMatchObject({ gid: claim.gid, cursor: 1 })
  })

  test('interrupted, it tells the step to stop, and the attempt does not count', async () => {
    const { participant, claimNew, claimDue, run } = setUpRuns({ A: untilAborted })
    const claim = await claimNew('A')
    const running = run(claim)
    await settled()
    running.interrupt()
    await settled()
    expect(participant.calls[0]!.signal.reason).toMatchObject({ code: 'STEP_INTERRUPTED' })
    expect(await claimDue('A')).toMatchObject({ gid: claim.gid, attempts: 0 })
    expect(participant.events).toEqual([])
  })

  test('interrupted, a step that ends all the same is done', async () => {
    const { memory, claimNew, run } = setUpRuns({
      A: async (call) => void (await untilAborted(call)),
    })
    const claim = await claimNew('A')
    const running = run(claim)
    await settled()
    running.interrupt()
    await settled()
    expect(await memory.find(claim.gid)).toMatchObject({ state: 'finished' })
  })

  test('what an outage kept from being written until the end does not park the job', async () => {
    const settle = vi.fn<JobStore['settle']>().mockRejectedValue(new Error('refused'))
    const { memory, settler, claimNew, run } = setUpRuns({ A() {} }, { settle })
    const claim = await claimNew('A')
    const { over } = run(claim)
    await settled()
    // The store is back one statement after the last try.
    settle.mockRejectedValueOnce(new Error('refused'))
    settle.mockImplementation(async (settlements) => await memory.settle(settlements))
    await settler.close()
    await vi.advanceTimersByTimeAsync(1_000)
    await over
    expect(await memory.find(claim.gid)).toMatchObject({ state: 'submitted', attempts: 0 })
  })
})

test('the lease outlasts the job by no timer', async () => {
  const { claimNew, run } = setUpRuns({ A() {} })
  const { over } = run(await claimNew('A'))
  await settled()
  await over
  expect(vi.getTimerCount()).toBe(0)
})

describe('nothing is left of a run', () => {
  test('whose question to its database fails in a way that nobody thought of', async () => {
    const { participant, claimNew, run } = setUpRuns({ A() {} })
    participant.queryPrepared = async () => {
      throw new Error('no answer')
    }
    participant.report = () => {
      throw new Error('no room for a log')
    }
    const { over } = run({ ...(await claimNew('A')), state: 'prepared' })
    await settled()
    await over
  })

  test('that fails when it is told that its job is done', async () => {
    const { participant, claimNew, run } = setUpRuns({ A() {} })
    participant.report = () => {
      throw new Error('no room for a log')
    }
    const { over } = run(await claimNew('A'))
    await settled()
    await over
  })
})
