import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { untilAborted } from '../test/fake-participant.ts'
import type { FakeStep } from '../test/fake-participant.ts'
import { jobOf } from '../test/jobs.ts'
import { counting, leaseMs, pause, setUpWorker, settled } from '../test/work.ts'
import type { WorkerParts } from '../test/work.ts'
import { memoryJobStore } from './store/memory-job-store.ts'
import type { Claim, JobStore } from './store/job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const concurrency = 40
const jobs = 2_400
const claimMs = 2
/** On average; they do not all end together. */
const stepMs = 5

/** A worker with this many jobs that are quick, and then slow ones. */
async function setUpMany(
  quick = jobs,
  { slowMs = 60_000, settleMs = 0, onBegun = (): unknown => undefined } = {},
) {
  const memory = memoryJobStore()
  for (let n = 0; n < jobs; n++) await memory.submit(jobOf(['A']))
  let begun = 0
  const step = counting(async () => {
    const nth = begun++
    onBegun()
    await pause(nth < quick ? stepMs - 2 + (nth % 5) : slowMs)
  })
  let answered = 0
  const claim: JobStore['claim'] = async (request) => {
    const claimed = await slowly(memory)(request)
    answered += claimed.claims.length
    return claimed
  }
  const settle: JobStore['settle'] = async (batch) => {
    if (settleMs > 0) await pause(settleMs)
    return await memory.settle(batch)
  }
  const parts = setUpWorker({ A: step }, { memory, replaced: { claim, settle }, concurrency })
  return { ...parts, step, waiting: () => answered - begun }
}

function slowly(memory: JobStore): JobStore['claim'] {
  return async (request) => {
    const claimed = await memory.claim(request)
    await pause(claimMs)
    return claimed
  }
}

/** How many jobs another process could have now. */
async function left({ memory }: Pick<WorkerParts, 'memory'>): Promise<number> {
  const request = { app: 'shop', owner: 'other', leaseMs, limit: jobs, stepNames: ['A'] }
  return (await memory.claim(request)).claims.length
}

test('where many jobs end while a claim is answered, the next ones wait for slots, and not slots for them', async () => {
  const { participant, step, waiting } = await setUpMany()
  const waited: number[] = []
  for (let ms = 0; ms < (jobs / concurrency) * stepMs - 3; ms++) {
    await vi.advanceTimersByTimeAsync(1)
    waited.push(waiting())
  }
  // Otherwise what was claimed begins at once.
  expect(waited.some((n, at) => n > 0 && (waited[at + 1] ?? 0) > 0)).toBe(true)
  expect(Math.max(...waited)).toBeLessThanOrEqual(concurrency)
  expect(step.most).toBe(concurrency)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(participant.eventsOf('job.finished')).toHaveLength(jobs)
})

test('where few do, nothing is claimed that has no slot', async () => {
  const parts = await setUpMany(0)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await left(parts)).toBe(jobs - concurrency)
})

test('what was claimed for slots that are not free soon goes back', async () => {
  const quick = jobs / 2
  const parts = await setUpMany(quick)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(parts.step.now).toBe(concurrency)
  expect(await left(parts)).toBe(jobs - quick - concurrency)
})

test('at the close it goes back at once', async () => {
  const parts = await setUpMany()
  await vi.advanceTimersByTimeAsync(4 * stepMs)
  const closed = parts.worker.close()
  await vi.advanceTimersByTimeAsync(2 * stepMs)
  await closed
  const done = parts.participant.eventsOf('job.finished').length
  expect(done).toBeLessThan(jobs - concurrency)
  expect(await left(parts)).toBe(jobs - done)
})

test('long steps that began together, and end together, open nothing', async () => {
  const memory = memoryJobStore()
  for (let n = 0; n < jobs; n++) await memory.submit(jobOf(['A']))
  const settle = vi.fn<JobStore['settle']>(async (batch) => await memory.settle(batch))
  const claim = slowly(memory)
  setUpWorker({ A: () => pause(300) }, { memory, replaced: { claim, settle }, concurrency })
  await vi.advanceTimersByTimeAsync(3_000)
  const endings = settle.mock.calls.flatMap(([batch]) => batch.map(({ to }) => to))
  expect(new Set(endings)).toEqual(new Set(['finished']))
})

test('what goes back while slots become free is begun soon, and not at the next look', async () => {
  const quick = jobs - concurrency - 20
  const { participant } = await setUpMany(quick, { slowMs: 105, settleMs: 2 })
  while (participant.begun.length < quick + concurrency) await vi.advanceTimersByTimeAsync(1)
  await vi.advanceTimersByTimeAsync(300)
  expect(participant.begun).toHaveLength(jobs)
})

test('a process whose own jobs took all slots leaves what comes then to others', async () => {
  const { memory, worker, participant } = await setUpMany()
  while (participant.eventsOf('job.finished').length < jobs) await vi.advanceTimersByTimeAsync(1)
  const slots = Array.from({ length: concurrency }, () => worker.reserve())
  expect(slots).not.toContain(undefined)
  await settled()
  const idle = setUpWorker({ A() {} }, { memory, owner: 'other' })
  await settled()
  for (let n = 0; n < 5; n++) await memory.submit(jobOf(['A']))
  worker.wake()
  idle.worker.wake()
  await vi.advanceTimersByTimeAsync(20)
  expect(idle.participant.begun).toHaveLength(5)
})

test('a job that runs here and was claimed again is told to stop, although others wait for slots', async () => {
  const memory = memoryJobStore()
  await memory.submit(jobOf(['Slow']))
  for (let n = 0; n < jobs; n++) await memory.submit(jobOf(['A']))
  const slow = vi.fn<FakeStep>(untilAborted)
  let begun = 0
  let lapsed = false
  let first: Claim | undefined
  const claim: JobStore['claim'] = async (request) => {
    await pause(claimMs)
    // As if its lease had run out, while all slots are taken by steps that have become slow.
    if (begun >= jobs / 2 + concurrency - 1 && !lapsed && first) {
      lapsed = true
      const { gid, token, cursor } = first
      await memory.settle([{ gid, token, cursor, to: 'returned', inMs: -3_600_000 }])
    }
    const claimed = await memory.claim(request)
    first ??= claimed.claims.find(({ steps }) => steps[0]!.name === 'Slow')
    return claimed
  }
  const A = async (): Promise<void> => await pause(begun++ < jobs / 2 ? stepMs : 60_000)
  setUpWorker({ Slow: slow, A }, { memory, replaced: { claim }, concurrency })
  await vi.waitFor(() => expect(lapsed).toBe(true), { timeout: 5_000, interval: 1 })
  await vi.advanceTimersByTimeAsync(20)
  expect(slow.mock.calls[0]![0].signal.aborted).toBe(true)
})

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

test('a job that waited for a slot which a request gives back begins outside of that request', async () => {
  // A fake one would be called in the context of who moves the time on.
  vi.useFakeTimers({ toNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] })
  const request = new AsyncLocalStorage<string>()
  const seen: (string | undefined)[] = []
  const onBegun = (): unknown => seen.push(request.getStore())
  const { worker, waiting } = await setUpMany(jobs, { onBegun })
  const slot = worker.reserve()!
  do {
    await vi.advanceTimersByTimeAsync(1)
    for (let turns = 0; turns < 5; turns++) await turn()
  } while (waiting() === 0)
  const begun = seen.length
  request.run('of user 1', () => slot.free())
  await turn()
  await turn()
  expect(seen.slice(begun)).toEqual([undefined])
})
