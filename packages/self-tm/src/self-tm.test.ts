import { AsyncLocalStorage } from 'node:async_hooks'
import { SteppingError } from '@stepping/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { jobOf, tiedJobOf } from '../test/jobs.ts'
import { setUpManager } from '../test/manage.ts'
import type { Managed } from '../test/manage.ts'
import { pause, settled } from '../test/work.ts'
import { selfTm } from './self-tm.ts'
import type { SelfTmOptions } from './self-tm.ts'
import type { JobStore } from './store/job-store.ts'
import { memoryJobStore } from './store/memory-job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

async function never(): Promise<never> {
  return await new Promise<never>(() => {})
}

describe('the settings', () => {
  const names = ['concurrency', 'leaseMs', 'pollMs', 'drainMs', 'pruneEveryMs']
  const values = [0, -1, Number.NaN, Infinity, '50', null]

  test.each(names.flatMap((name) => values.map((value) => [name, value] as const)))(
    'refuse %s: %j, by name, value and what to give',
    (name, value) => {
      const make = (): unknown => selfTm({ store: memoryJobStore(), [name]: value })
      expect(make).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
      expect(make).toThrow(
        new RegExp(`^selfTm: ${name} is .*, it must be a (whole )?number from 1 to \\d+\\.$`),
      )
    },
  )

  test.each([
    [undefined, 'undefined'],
    [{}, 'undefined'],
    [{ database: new Map() }, 'a Map'],
    [{ database: 'orders' }, '"orders"'],
  ])('refuse %o: there is no database for the jobs', (options, kind) => {
    const make = (): unknown => selfTm(options as unknown as SelfTmOptions)
    expect(make).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
    expect(make).toThrow(`selfTm: database is ${kind}, it must be the database of an adapter`)
  })

  test('refuse half a slot', () => {
    expect(() => selfTm({ store: memoryJobStore(), concurrency: 1.5 })).toThrow(/whole/)
  })

  test('refuse a time for which a timer would fire without a pause', () => {
    const pruneEveryMs = 30 * 86_400_000
    expect(() => selfTm({ store: memoryJobStore(), pruneEveryMs })).toThrow(/pruneEveryMs/)
  })

  test('are taken from 1 on', () => {
    const settings = Object.fromEntries(names.map((name) => [name, 1]))
    expect(selfTm({ store: memoryJobStore(), ...settings }).kind).toBe('self-tm')
  })
})

describe('a job that is submitted', () => {
  test('runs at once in the process that sent it, without being claimed', async () => {
    const { tm, participant, memory } = setUpManager({ A() {} })
    await tm.start(participant, { execute: true })
    const claim = vi.spyOn(memory, 'claim').mockRejectedValue(new Error('refused'))
    await tm.submit(jobOf(['A']))
    await settled()
    expect(participant.begun).toEqual(['A'])
    expect(participant.eventsOf('job.finished')).toHaveLength(1)
    claim.mockRestore()
  })

  test('runs outside of the request that sent it', async () => {
    const request = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const { tm, participant } = setUpManager({ A: () => void seen.push(request.getStore()) })
    await tm.start(participant, { execute: true })
    await request.run('of user 1', async () => await tm.submit(jobOf(['A'])))
    await settled()
    expect(seen).toEqual([undefined])
  })

  test('is not waited for when the store says nothing', async () => {
    const submit = vi.fn<JobStore['submit']>(never)
    const { tm, participant } = setUpManager({ A() {} }, { submit }, { concurrency: 1 })
    await tm.start(participant, { execute: true })
    const sent = tm.submit(jobOf(['A'])).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await sent).toMatchObject({ message: expect.stringMatching(/no answer/) })
  })

  test('is left to others, who are told, when this process does not execute', async () => {
    const notify = vi.fn<NonNullable<JobStore['notify']>>(async () => {})
    const { tm, participant, memory } = setUpManager({ A() {} }, { notify })
    await tm.start(participant, { execute: false })
    const job = jobOf(['A'])
    await tm.submit(job)
    await settled()
    expect(notify.mock.calls).toEqual([['shop']])
    expect(await memory.find(job.gid)).toMatchObject({ state: 'submitted', running: false })
  })

  test('is left to others, who are told, before this process is started', async () => {
    const notify = vi.fn<NonNullable<JobStore['notify']>>(async () => {})
    const { tm, memory } = setUpManager({ A() {} }, { notify })
    const job = jobOf(['A'])
    await tm.submit(job)
    await settled()
    expect(notify).toHaveBeenCalledOnce()
    expect(await memory.find(job.gid)).toMatchObject({ running: false })
  })

  test('is left to whoever is free when this process is full', async () => {
    const notify = vi.fn<NonNullable<JobStore['notify']>>(async () => {})
    const steps = { A: async () => await pause(1_000) }
    const { tm, participant, memory } = setUpManager(steps, { notify }, { concurrency: 1 })
    await tm.start(participant, { execute: true })
    await tm.submit(jobOf(['A']))
    const second = jobOf(['A'])
    await tm.submit(second)
    await settled()
    expect(notify).toHaveBeenCalledOnce()
    expect(await memory.find(second.gid)).toMatchObject({ running: false })
    await vi.advanceTimersByTimeAsync(2_100)
    expect(participant.eventsOf('job.finished')).toHaveLength(2)
  })

  test('does not keep a slot when the store refuses it', async () => {
    const submit = vi.fn<JobStore['submit']>(async (...args) => await parts.memory.submit(...args))
    submit.mockRejectedValueOnce(new Error('refused'))
    const parts: Managed = setUpManager({ A() {} }, { submit }, { concurrency: 1 })
    await parts.tm.start(parts.participant, { execute: true })
    await expect(parts.tm.submit(jobOf(['A']))).rejects.toThrow('refused')
    await parts.tm.submit(jobOf(['A']))
    expect(submit.mock.lastCall![1]).toMatchObject({ leaseMs: 10_000 })
  })
})

describe('a job that was submitted before', () => {
  test('is a duplicate when it stands by itself', async () => {
    const { tm } = setUpManager({ A() {} })
    const job = jobOf(['A'], { callerGid: true })
    await tm.submit(job)
    await expect(tm.submit({ ...job })).rejects.toMatchObject({
      code: 'JOB_DUPLICATE',
      gid: job.gid,
    })
  })

  test.each([
    { why: 'the connection was lost', error: new Error('Connection terminated') },
    { why: 'it was not reached', error: new SteppingError('DATABASE_UNREACHABLE', 'down') },
  ])('is none when the answer to the first try did not come: $why', async ({ error }) => {
    const submit = vi.fn<JobStore['submit']>(async (...args) => await parts.memory.submit(...args))
    submit.mockImplementationOnce(async (...args) => {
      await parts.memory.submit(...args)
      throw error
    })
    const parts: Managed = setUpManager({ A() {} }, { submit })
    const job = jobOf(['A'], { callerGid: true })
    await expect(parts.tm.submit(job)).rejects.toBe(error)
    await parts.tm.submit(job)
    expect(await parts.memory.find(job.gid)).toMatchObject({ state: 'submitted' })
  })

  test('takes no slot', async () => {
    const { tm, participant, memory } = setUpManager({ B() {} }, {}, { concurrency: 1 })
    await tm.start(participant, { execute: true })
    const job = jobOf(['Elsewhere'])
    await memory.submit(job)
    await expect(tm.submit(job)).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
    const submit = vi.spyOn(memory, 'submit')
    await tm.submit(jobOf(['B']))
    expect(submit.mock.lastCall![1]).toBeDefined()
  })

  test('is none when it is tied to a transaction: query prepared may have been faster', async () => {
    const { tm } = setUpManager({ A() {} })
    const job = tiedJobOf(['A'])
    await tm.prepare(job)
    await tm.submit(job)
    await tm.submit(job)
  })

  test('is a duplicate after a refusal, which was an answer', async () => {
    const submit = vi.fn<JobStore['submit']>(async (...args) => await parts.memory.submit(...args))
    submit.mockRejectedValueOnce(new SteppingError('SCHEMA_MISSING', 'run migrate'))
    const parts: Managed = setUpManager({ A() {} }, { submit })
    const job = jobOf(['A'], { callerGid: true })
    await expect(parts.tm.submit(job)).rejects.toMatchObject({ code: 'SCHEMA_MISSING' })
    // Somebody else handled the same message meanwhile.
    await parts.memory.submit(job)
    await expect(parts.tm.submit(job)).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
  })
})

describe('abort', () => {
  test('drops a prepared job', async () => {
    const { tm, memory } = setUpManager({})
    const job = tiedJobOf(['A'])
    await tm.prepare(job)
    await tm.abort!(job)
    expect(await memory.find(job.gid)).toMatchObject({ state: 'rolledBack' })
  })

  test('leaves one alone that is not prepared any more', async () => {
    const { tm, memory } = setUpManager({})
    const job = tiedJobOf(['A'])
    await tm.prepare(job)
    await tm.submit(job)
    await tm.abort!(job)
    await tm.abort!(tiedJobOf(['A']))
    expect(await memory.find(job.gid)).toMatchObject({ state: 'submitted' })
  })
})

describe('start and close', () => {
  test('a store that is not ready fails the start, and nothing begins', async () => {
    const missing = new SteppingError('SCHEMA_MISSING', 'run migrate')
    const assertReady = async (): Promise<void> => {
      throw missing
    }
    const { tm, participant } = setUpManager({}, { assertReady })
    await expect(tm.start(participant, { execute: true })).rejects.toBe(missing)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('what other processes tell is heard, so that it looks at once', async () => {
    const listen = vi.fn<NonNullable<JobStore['listen']>>(async () => async () => {})
    const { tm, participant, memory } = setUpManager({ A() {} }, { listen })
    await tm.start(participant, { execute: true })
    await settled()
    await memory.submit(jobOf(['A']))
    listen.mock.calls[0]![1]()
    await settled()
    expect(participant.begun).toEqual(['A'])
  })

  test('closed, it leaves no timer, no connection and no message behind', async () => {
    const stop = vi.fn<() => Promise<void>>(async () => {})
    const notify = vi.fn<NonNullable<JobStore['notify']>>(async () => {})
    const { tm, participant } = setUpManager({ A() {} }, { listen: async () => stop, notify })
    await tm.start(participant, { execute: true })
    await settled()
    const closing = tm.close()
    await tm.submit(jobOf(['A']))
    await vi.advanceTimersByTimeAsync(100)
    await closing
    expect(stop).toHaveBeenCalledOnce()
    expect(notify).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a process that was never started closes too', async () => {
    const { tm } = setUpManager({})
    await tm.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})
