import { SteppingError } from '@stepping/core'
import type { AnyDatabase, JobAdmin, JobRecord } from '@stepping/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeParticipant, failed, parked } from '../test/fake-participant.ts'
import type { FakeStep } from '../test/fake-participant.ts'
import { jobOf, tiedJobOf } from '../test/jobs.ts'
import { setUpManager } from '../test/manage.ts'
import type { Managed } from '../test/manage.ts'
import { pause, settled } from '../test/work.ts'
import type { JobStore } from './store/job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const refused = async (): Promise<never> => {
  throw new Error('refused')
}

/** A manager that is started, with what it offers to people. */
async function start(
  steps: Readonly<Record<string, FakeStep>>,
  { execute = true, replaced = {} }: { execute?: boolean; replaced?: Partial<JobStore> } = {},
): Promise<Managed & { jobs: JobAdmin }> {
  const managed = setUpManager(steps, replaced)
  await managed.tm.start(managed.participant, { execute })
  await settled()
  return { ...managed, jobs: managed.tm.jobs! }
}

async function submitted({ tm }: Managed, ...steps: string[]): Promise<JobRecord> {
  const job = jobOf(steps)
  await tm.submit(job)
  await settled()
  return job
}

describe('a store that refuses', () => {
  const missing = new SteppingError('SCHEMA_MISSING', 'run migrate')
  const calls = ['find', 'retry', 'cancel'] as const

  test.each(calls)('for lack of its tables has %s say so', async (call) => {
    const replaced: Partial<JobStore> = { find: refused, retry: refused }
    const { jobs } = await start({}, { replaced })
    replaced.assertReady = async () => await Promise.reject(missing)
    await expect(jobs[call]('g')).rejects.toBe(missing)
  })

  test.each(calls)('for another reason has %s reject with that', async (call) => {
    const { jobs } = await start({}, { replaced: { find: refused, retry: refused } })
    await expect(jobs[call]('g')).rejects.toThrow('refused')
  })
})

describe('cancel', () => {
  test('ends a job that waits for its next attempt', async () => {
    const managed = await start({ A: () => failed(60_000) })
    const { gid } = await submitted(managed, 'A')
    await managed.jobs.cancel(gid)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(managed.participant.begun).toEqual(['A'])
    expect(await managed.jobs.find(gid)).toMatchObject({ state: 'cancelled' })
  })

  test('ends a parked job', async () => {
    const managed = await start({ A: () => parked() })
    const { gid } = await submitted(managed, 'A')
    await managed.jobs.cancel(gid)
    expect(await managed.jobs.find(gid)).toMatchObject({ state: 'cancelled' })
  })

  test('is refused while an attempt runs, which then ends as if nothing had been', async () => {
    const managed = await start({ A: async () => await pause(1_000) })
    const { gid } = await submitted(managed, 'A')
    await expect(managed.jobs.cancel(gid)).rejects.toMatchObject({ code: 'JOB_RUNNING', gid })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await managed.jobs.find(gid)).toMatchObject({ state: 'finished' })
  })

  test('of a job that is over is refused, saying how it ended', async () => {
    const managed = await start({ A() {} })
    const { gid } = await submitted(managed, 'A')
    await expect(managed.jobs.cancel(gid)).rejects.toMatchObject({
      code: 'JOB_STATE',
      message: expect.stringContaining('finished'),
    })
  })

  test('of an unknown job is refused', async () => {
    const { jobs } = await start({})
    await expect(jobs.cancel('nobody')).rejects.toMatchObject({
      code: 'JOB_UNKNOWN',
      gid: 'nobody',
    })
  })

  describe('of a prepared job asks its database first', () => {
    test.each([
      { answer: 'committed', state: 'cancelled' },
      { answer: 'rolledBack', state: 'rolledBack' },
    ] as const)('$answer: it is $state', async ({ answer, state }) => {
      const { tm, participant, jobs } = await start({ A() {} })
      participant.queryPrepared = vi.fn<FakeParticipant['queryPrepared']>(async () => answer)
      const job = tiedJobOf(['A'])
      await tm.prepare(job)
      await jobs.cancel(job.gid)
      expect(await jobs.find(job.gid)).toMatchObject({ state })
      expect(participant.queryPrepared).toHaveBeenCalledExactlyOnceWith({
        gid: job.gid,
        database: job.database,
      })
    })

    test('still open: it stays prepared', async () => {
      const { tm, participant, jobs } = await start({ A() {} })
      participant.queryPrepared = async () => {
        throw new SteppingError('BARRIER_UNDECIDED', 'its transaction is open')
      }
      const job = tiedJobOf(['A'])
      await tm.prepare(job)
      await expect(jobs.cancel(job.gid)).rejects.toMatchObject({ code: 'BARRIER_UNDECIDED' })
      expect(await jobs.find(job.gid)).toMatchObject({ state: 'prepared' })
    })

    test('submitted while it was asked: it is not dropped', async () => {
      const { tm, memory, participant, jobs } = await start({ A() {} })
      const job = tiedJobOf(['A'])
      participant.queryPrepared = async () => {
        await memory.submit(job)
        return 'rolledBack'
      }
      await tm.prepare(job)
      await expect(jobs.cancel(job.gid)).rejects.toMatchObject({ code: 'JOB_RUNNING' })
      expect(await jobs.find(job.gid)).toMatchObject({ state: 'submitted' })
    })

    test('not started: there is nobody who could ask', async () => {
      const { tm } = setUpManager({ A() {} })
      const job = tiedJobOf(['A'])
      await tm.prepare(job)
      await expect(tm.jobs!.cancel(job.gid)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
      expect(await tm.jobs!.find(job.gid)).toMatchObject({ state: 'prepared' })
    })
  })
})

describe('retry', () => {
  test('makes a parked job run again at once', async () => {
    let paper = false
    const managed = await start({ A: () => (paper ? undefined : parked('out of paper')) })
    const { gid } = await submitted(managed, 'A')
    paper = true
    await managed.jobs.retry(gid)
    await settled()
    expect(managed.participant.calls.map(({ attempt }) => attempt)).toEqual([1, 1])
    expect(await managed.jobs.find(gid)).toMatchObject({ state: 'finished' })
  })

  test('makes a waiting job run at once, in another process if need be', async () => {
    const notify = vi.fn<NonNullable<JobStore['notify']>>(async () => {})
    const managed = await start({ A: () => failed(60_000) }, { replaced: { notify } })
    const { gid } = await submitted(managed, 'A')
    await managed.jobs.retry(gid)
    await settled()
    expect(managed.participant.calls.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(notify).toHaveBeenCalledOnce()
  })

  test('leaves a running attempt alone; should it fail, the next one follows at once', async () => {
    let tries = 0
    const managed = await start({
      async A() {
        if (tries++ > 0) return
        await pause(1_000)
        return failed(60_000)
      },
    })
    const { gid } = await submitted(managed, 'A')
    await managed.jobs.retry(gid)
    await vi.advanceTimersByTimeAsync(900)
    expect(managed.participant.begun).toEqual(['A'])
    expect(managed.participant.calls[0]!.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(150)
    expect(managed.participant.begun).toEqual(['A', 'A'])
  })

  test('of a job that is over, or unknown, is refused', async () => {
    const managed = await start({ A() {} })
    const { gid } = await submitted(managed, 'A')
    await expect(managed.jobs.retry(gid)).rejects.toMatchObject({ code: 'JOB_STATE' })
    await expect(managed.jobs.retry('nobody')).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
  })
})

describe('prune', () => {
  test('cleans the app’s databases by what the store knows, and then the store', async () => {
    const order: string[] = []
    const { memory, participant, jobs } = await start(
      { A: () => parked() },
      {
        replaced: {
          async prune() {
            order.push('store')
            return order.length < 3 ? 500 : 20
          },
        },
      },
    )
    const prune = vi.fn<AnyDatabase['prune']>(async () => {
      order.push('database')
      return 7
    })
    participant.databases.push(cleanedBy(prune))
    expect(await jobs.prune()).toBe(7 + 500 + 20)
    expect(order).toEqual(['database', 'store', 'store'])
    const [options] = prune.mock.calls[0]!
    const job = jobOf(['A'])
    await memory.submit(job)
    expect(options.owners).toEqual(['shop/self-tm'])
    expect(await options.active([job.gid, 'nobody'])).toEqual(new Set([job.gid]))
    expect(await options.over([job.gid, 'nobody'])).toEqual(new Set())
  })

  test('cleans all others when one database cannot be cleaned, and says so', async () => {
    const order: string[] = []
    const gone = new Error('the pool is closed')
    const { participant, jobs } = await start(
      {},
      { replaced: { prune: async () => order.push('store') } },
    )
    participant.databases.push(
      cleanedBy(async () => await Promise.reject(gone)),
      cleanedBy(async () => order.push('database')),
    )
    await expect(jobs.prune()).rejects.toBe(gone)
    expect(order).toEqual(['database', 'store'])
  })

  test('takes a started app', async () => {
    const { tm } = setUpManager({})
    await expect(tm.jobs!.prune()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })
})

describe('health', () => {
  test('is well when the store answers, and counts the jobs', async () => {
    const managed = await start({ A: async () => await pause(1_000), B: () => parked() })
    await submitted(managed, 'A')
    await submitted(managed, 'B')
    await managed.tm.prepare(tiedJobOf(['A']))
    expect(await managed.jobs.health()).toEqual({
      ok: true,
      running: 1,
      lastPollAgeMs: expect.any(Number),
      error: null,
      jobs: { prepared: 1, submitted: 1, parked: 1 },
      unknownSteps: [],
    })
  })

  test('is not well before the start', async () => {
    const { tm } = setUpManager({})
    expect(await tm.jobs!.health()).toMatchObject({ ok: false, error: 'not started', jobs: null })
  })

  test.each([true, false])('says why the store does not answer (execute: %s)', async (execute) => {
    const { jobs } = await start({}, { execute, replaced: { overview: refused } })
    expect(await jobs.health()).toMatchObject({ ok: false, error: 'refused', jobs: null })
  })

  test('is not well when the last look for work failed', async () => {
    const { jobs } = await start({}, { replaced: { claim: refused } })
    expect(await jobs.health()).toMatchObject({ ok: false, error: 'refused' })
  })

  test('is well in a process that only adds jobs', async () => {
    const { jobs } = await start({}, { execute: false })
    expect(await jobs.health()).toMatchObject({ ok: true, running: 0, lastPollAgeMs: null })
  })

  test('is not well from the moment it closes', async () => {
    const { tm, jobs } = await start({ A: async () => await pause(1_000) })
    await tm.submit(jobOf(['A']))
    const closing = tm.close()
    expect(await jobs.health()).toMatchObject({ ok: false, error: 'closed' })
    await vi.advanceTimersByTimeAsync(1_100)
    await closing
    expect(await jobs.health()).toMatchObject({ ok: false, error: 'closed' })
  })

  test('names the steps that jobs wait for in vain', async () => {
    const { memory, jobs } = await start({ A() {} })
    await memory.submit(jobOf(['Unheard']))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await jobs.health()).toMatchObject({ ok: true, unknownSteps: ['Unheard'] })
  })
})

function cleanedBy(prune: AnyDatabase['prune']): AnyDatabase {
  return { prune } as unknown as AnyDatabase
}
