import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { failed } from '../test/fake-participant.ts'
import { jobOf } from '../test/jobs.ts'
import { claimDue, counting, leaseMs, pause, pollMs, settled, setUpWorker } from '../test/work.ts'
import type { WorkerParts } from '../test/work.ts'
import { memoryJobStore } from './store/memory-job-store.ts'
import type { JobStore } from './store/job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('looking for work', () => {
  test('it runs what is there when it begins', async () => {
    const memory = memoryJobStore()
    const { gid } = jobOf(['A'])
    await memory.submit(jobOf(['A'], { gid }))
    const { participant } = setUpWorker({ A() {} }, { memory })
    await settled()
    expect(participant.events).toEqual([{ type: 'job.finished', gid }])
  })

  test('woken, it looks at once', async () => {
    const { participant, worker, memory } = setUpWorker({ A() {} })
    await settled()
    await memory.submit(jobOf(['A']))
    worker.wake()
    await settled()
    expect(participant.begun).toEqual(['A'])
  })

  test('not woken, it looks every now and then, and no more often', async () => {
    const claim = vi.fn<JobStore['claim']>(async (request) => await parts.memory.claim(request))
    const parts = setUpWorker({ A() {} }, { replaced: { claim } })
    await vi.advanceTimersByTimeAsync(30 * pollMs)
    expect(claim.mock.calls.length).toBeLessThanOrEqual(31)
    await parts.memory.submit(jobOf(['A']))
    await vi.advanceTimersByTimeAsync(pollMs)
    expect(parts.participant.begun).toEqual(['A'])
  })

  test('a job that finished while slots are free does not make it look', async () => {
    const claim = vi.fn<JobStore['claim']>(async (request) => await parts.memory.claim(request))
    const parts = setUpWorker({ A() {} }, { replaced: { claim } })
    await settled()
    const looks = claim.mock.calls.length
    await parts.submit('A')
    await vi.advanceTimersByTimeAsync(pollMs / 2)
    expect(parts.participant.begun).toEqual(['A'])
    expect(claim.mock.calls.length).toBe(looks + 1)
  })

  test('a step that failed is tried again when it is due, not at the next look', async () => {
    let tries = 0
    const { participant, submit } = setUpWorker({
      A: () => (tries++ === 0 ? failed(300) : undefined),
    })
    await submit('A')
    await vi.advanceTimersByTimeAsync(290)
    expect(participant.begun).toEqual(['A'])
    await vi.advanceTimersByTimeAsync(50)
    expect(participant.begun).toEqual(['A', 'A'])
  })

  test('what becomes due behind a backlog is not late either', async () => {
    const memory = memoryJobStore()
    await memory.submit(jobOf(['B']))
    const { gid, token } = await claimDue(memory)
    await memory.settle([{ gid, token, cursor: 0, to: 'returned', inMs: 300 }])
    const { participant, submit } = setUpWorker({ A() {}, B() {} }, { memory, concurrency: 1 })
    await submit('A')
    await vi.advanceTimersByTimeAsync(350)
    expect(participant.begun).toEqual(['A', 'B'])
  })
})

describe('at once', () => {
  test('no more jobs run than allowed, and one that ends makes room for the next', async () => {
    const step = counting(async () => await pause(100))
    const { participant, submit } = setUpWorker({ A: step }, { concurrency: 3 })
    for (let i = 0; i < 8; i++) await submit('A')
    await vi.advanceTimersByTimeAsync(350)
    expect(step.most).toBe(3)
    expect(participant.eventsOf('job.finished')).toHaveLength(8)
  })

  test('its own jobs take slots of it, and none beyond', async () => {
    const { worker } = setUpWorker({ A() {} }, { concurrency: 2 })
    const [first, second, third] = [worker.reserve(), worker.reserve(), worker.reserve()]
    expect([first, second]).not.toContain(undefined)
    expect(third).toBeUndefined()
    first!.free()
    first!.free()
    expect(worker.reserve()).toBeDefined()
    expect(worker.reserve()).toBeUndefined()
  })

  test('a slot that is given back when all were taken makes it look for work', async () => {
    const { participant, worker, submit } = setUpWorker({ A() {} }, { concurrency: 1 })
    await settled()
    const slot = worker.reserve()!
    await submit('A')
    await settled()
    expect(participant.begun).toEqual([])
    slot.free()
    await settled()
    expect(participant.begun).toEqual(['A'])
  })

  test('a job that was claimed while its slot was taken goes back, and runs later', async () => {
    const step = counting(async () => await pause(100))
    const answer = Promise.withResolvers<void>()
    const parts: WorkerParts = setUpWorker(
      { A: step },
      {
        concurrency: 1,
        replaced: {
          async claim(request) {
            const claimed = await parts.memory.claim(request)
            if (claimed.claims.length > 0) await answer.promise
            return claimed
          },
        },
      },
    )
    await parts.submit('A')
    await settled()
    const slot = parts.worker.reserve()!
    const own = jobOf(['A'])
    const { token } = await parts.memory.submit(own, { owner: 'me', leaseMs })
    slot.run(
      { ...own, token: token!, state: 'submitted', cursor: 0, attempts: 0 },
      performance.now(),
      true,
    )
    answer.resolve()
    await vi.advanceTimersByTimeAsync(250)
    expect(step.most).toBe(1)
    expect(parts.participant.eventsOf('job.finished')).toHaveLength(2)
  })
})

describe('steps that nobody knows', () => {
  test('are reported once with advice, and left to others', async () => {
    const { participant, memory, worker, submit } = setUpWorker({ SendMail() {} })
    const gid = await submit('SendMial')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(participant.events).toEqual([
      { type: 'step.unknown', step: 'SendMial', advice: ' Did you mean SendMail?' },
    ])
    expect(worker.health.unknownSteps).toEqual(['SendMial'])
    expect(await memory.find(gid)).toMatchObject({
      state: 'submitted',
      attempts: 0,
      running: false,
    })
  })

  test('are not reported while another process may be about to take them', async () => {
    const { participant, submit } = setUpWorker({ SendMail() {} })
    await submit('NewInTheNextRelease')
    await vi.advanceTimersByTimeAsync(2_500)
    expect(participant.events).toEqual([])
  })
})

describe('a store that fails', () => {
  test('does not end the loop; it is reported once, and so is that it is back', async () => {
    const { participant, worker, submit, cut, mend } = setUpWorker({ A() {} })
    await settled()
    cut()
    const gid = await submit('A')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(worker.health.store.error).toBe('refused')
    mend()
    await vi.advanceTimersByTimeAsync(2_010)
    expect(participant.events).toEqual([
      { type: 'store.failed', error: new Error('refused') },
      { type: 'store.recovered', afterMs: expect.any(Number) },
      { type: 'job.finished', gid },
    ])
    expect(worker.health.store.error).toBeNull()
  })

  test('is asked at least every two seconds, and not in a hurry', async () => {
    const claim = vi.fn<JobStore['claim']>().mockRejectedValue(new Error('refused'))
    setUpWorker({ A() {} }, { replaced: { claim } })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(claim.mock.calls.length).toBeGreaterThanOrEqual(30)
    expect(claim.mock.calls.length).toBeLessThan(40)
  })

  test('for heartbeats only is one outage, however often claims and endings succeed meanwhile', async () => {
    const renew = vi.fn<JobStore['renew']>().mockRejectedValue(new Error('permission denied'))
    const steps = { Long: async () => await pause(leaseMs / 2), A() {} }
    const { participant, worker, submit } = setUpWorker(steps, { replaced: { renew } })
    await submit('Long')
    for (let i = 0; i < 4; i++) {
      await vi.advanceTimersByTimeAsync(leaseMs / 9)
      await submit('A')
    }
    expect(worker.health.store.error).toBe('permission denied')
    expect(participant.eventsOf('store.failed')).toHaveLength(1)
    expect(participant.eventsOf('store.recovered')).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(leaseMs)
    expect(worker.health.store.error).toBeNull()
    expect(participant.eventsOf('store.recovered')).toHaveLength(1)
  })

  test('by never answering is asked again after the length of a lease', async () => {
    const claim = vi.fn<JobStore['claim']>(async (request) => await parts.memory.claim(request))
    claim.mockReturnValueOnce(new Promise(() => {}))
    const parts: WorkerParts = setUpWorker({ A() {} }, { replaced: { claim } })
    await parts.submit('A')
    await vi.advanceTimersByTimeAsync(leaseMs + 500)
    expect(parts.participant.begun).toEqual(['A'])
  })

  test('a step that did its work waits with its completion until the store is back', async () => {
    const { participant, memory, submit, cut, mend } = setUpWorker({
      async A() {
        cut()
      },
    })
    const gid = await submit('A')
    await vi.advanceTimersByTimeAsync(30_000)
    mend()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(participant.begun).toEqual(['A'])
    expect(await memory.find(gid)).toMatchObject({ state: 'finished' })
    expect(participant.eventsOf('store.failed')).toHaveLength(1)
  })
})

test('what waited for an outage to end begins as soon as the store is written to again', async () => {
  const steps = { A: () => cut(), B() {}, Long: async () => await pause(60_000) }
  const { participant, submit, cut, mend } = setUpWorker(steps)
  await submit('A', 'Long')
  await vi.advanceTimersByTimeAsync(5_370)
  await submit('B')
  await vi.advanceTimersByTimeAsync(100)
  mend()
  for (let i = 0; i < 200 && !participant.begun.includes('Long'); i++) await settled()
  await settled()
  expect(participant.begun).toEqual(['A', 'Long', 'B'])
})

test('health counts what runs', async () => {
  const { worker, submit } = setUpWorker({ A: async () => await pause(100) })
  await submit('A')
  await submit('A')
  await settled()
  expect(worker.health.running).toBe(2)
  await vi.advanceTimersByTimeAsync(100)
  expect(worker.health.running).toBe(0)
})

/** The store does not answer. */
const settle: JobStore['settle'] = async () => await new Promise(() => {})

describe('a job of which only the end has to be recorded', () => {
  test('takes no slot: the next one begins meanwhile', async () => {
    const { participant, submit } = setUpWorker(
      { A() {} },
      { replaced: { settle }, concurrency: 1 },
    )
    await submit('A')
    await submit('A')
    await settled()
    expect(participant.begun).toEqual(['A', 'A'])
  })

  test('is one of no more than there are slots: what cannot be recorded does not pile up', async () => {
    const { participant, submit } = setUpWorker(
      { A() {} },
      { replaced: { settle }, concurrency: 2 },
    )
    for (let n = 0; n < 6; n++) await submit('A')
    await vi.advanceTimersByTimeAsync(pollMs)
    expect(participant.begun).toHaveLength(4)
  })
})

test('behind a backlog the next jobs are claimed before those that were claimed begin', async () => {
  const memory = memoryJobStore()
  for (let n = 0; n < 4; n++) await memory.submit(jobOf(['A']))
  const order: string[] = []
  const claim: JobStore['claim'] = async (request) => {
    order.push(`claim ${request.limit}`)
    return await memory.claim(request)
  }
  const A = async (): Promise<void> => {
    order.push('begin')
    await pause(leaseMs)
  }
  setUpWorker({ A }, { memory, replaced: { claim }, concurrency: 4 })
  await settled()
  expect(order.slice(0, 4)).toEqual(['claim 2', 'claim 2', 'begin', 'begin'])
})

test('so many jobs begin in several turns of the event loop: what else waits for one gets it in between', async () => {
  const memory = memoryJobStore()
  for (let n = 0; n < 600; n++) await memory.submit(jobOf(['A']))
  let begunBefore = 0
  const A = counting(async () => {
    if (A.now === 1) setImmediate(() => (begunBefore = A.now))
    await pause(leaseMs / 2)
  })
  setUpWorker({ A }, { memory, concurrency: 1_200 })
  await settled()
  expect(A.now).toBe(600)
  expect(begunBefore).toBeLessThan(600)
})

test('who listens is told after each claim whether it left a backlog', async () => {
  const memory = memoryJobStore()
  for (let job = 0; job < 3; job++) await memory.submit(jobOf(['A']))
  const told: boolean[] = []
  const onBacklog = (isThere: boolean): void => void told.push(isThere)
  setUpWorker({ A() {} }, { memory, concurrency: 2, onBacklog })
  await settled()
  expect(told.slice(0, 4)).toEqual([true, true, true, false])
})

test('a job that is over as it begins is not among those that run', async () => {
  const { participant, worker, submit } = setUpWorker({ A() {} })
  participant.runStep = () => {
    throw new Error('at once')
  }
  await submit('A')
  await settled()
  expect(worker.health.running).toBe(0)
})
