import type { DbContext } from '@stepping/core'
import { SteppingError } from '@stepping/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { jobOf } from '../test/jobs.ts'
import { FakeTransaction, setUpManager } from '../test/manage.ts'
import { settled } from '../test/work.ts'
import type { JobStore } from './store/job-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const context = {} as DbContext

async function nothing(): Promise<void> {}

describe('a job that is stored in a transaction', () => {
  test('runs once its commit is proven, without being claimed or looked at', async () => {
    const transaction = new FakeTransaction(() => memory)
    const { tm, participant, memory } = setUpManager({ A() {} }, { enlist: transaction.enlist })
    await tm.start(participant, { execute: true })
    await settled()
    vi.spyOn(memory, 'claim').mockRejectedValue(new Error('refused'))
    const renew = vi.spyOn(memory, 'renew')
    const enlisted = await tm.enlist!(transaction.context, jobOf(['A']), nothing)
    await settled()
    expect(participant.begun).toEqual([])
    await transaction.commit()
    enlisted!.committed(true)
    await settled()
    expect(participant.begun).toEqual(['A'])
    expect(renew).not.toHaveBeenCalled()
  })

  test('is looked at first when its commit is not proven', async () => {
    const transaction = new FakeTransaction(() => memory)
    const { tm, participant, memory } = setUpManager({ A() {} }, { enlist: transaction.enlist })
    await tm.start(participant, { execute: true })
    const renew = vi.spyOn(memory, 'renew')
    const enlisted = await tm.enlist!(transaction.context, jobOf(['A']), nothing)
    await transaction.commit()
    enlisted!.committed(false)
    await settled()
    expect(renew).toHaveBeenCalledOnce()
    expect(participant.begun).toEqual(['A'])
  })

  test('does not run when it was rolled back although its library called it committed', async () => {
    const transaction = new FakeTransaction(() => memory)
    const { tm, participant, memory } = setUpManager({ A() {} }, { enlist: transaction.enlist })
    await tm.start(participant, { execute: true })
    const enlisted = await tm.enlist!(transaction.context, jobOf(['A']), nothing)
    enlisted!.committed(false)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(participant.begun).toEqual([])
  })

  test('is not begun when its lease ran out before the commit', async () => {
    const transaction = new FakeTransaction(() => memory)
    const { tm, participant, memory } = setUpManager({ A() {} }, { enlist: transaction.enlist })
    await tm.start(participant, { execute: true })
    const job = jobOf(['A'])
    const enlisted = await tm.enlist!(transaction.context, job, nothing)
    await transaction.commit()
    vi.spyOn(memory, 'claim').mockRejectedValue(new Error('refused'))
    await vi.advanceTimersByTimeAsync(9_500)
    enlisted!.committed(true)
    await settled()
    expect(participant.begun).toEqual([])
    expect(await memory.find(job.gid)).toMatchObject({ running: false, attempts: 0 })
  })

  test('frees its slot when it is not committed', async () => {
    const transaction = new FakeTransaction(() => memory)
    const { tm, participant, memory } = setUpManager(
      { A() {} },
      { enlist: transaction.enlist },
      { concurrency: 1 },
    )
    await tm.start(participant, { execute: true })
    const first = await tm.enlist!(context, jobOf(['A']), nothing)
    await tm.enlist!(context, jobOf(['A']), nothing)
    first!.notCommitted()
    await tm.enlist!(context, jobOf(['A']), nothing)
    expect(transaction.leases.map((lease) => lease !== undefined)).toEqual([true, false, true])
  })

  test('has a lease that fits no other row with its gid', async () => {
    const transaction = new FakeTransaction(() => memory)
    const { tm, participant, memory } = setUpManager({ A() {} }, { enlist: transaction.enlist })
    await tm.start(participant, { execute: true })
    const job = jobOf(['A'], { callerGid: true })
    // The library calls its transaction committed, and the server rolled it back.
    const rolledBack = await tm.enlist!(context, job, nothing)
    const next = new FakeTransaction(() => memory)
    await next.enlist(context, job, { owner: 'another process', leaseMs: 10_000, token: 1 })
    await next.commit()
    rolledBack!.committed(false)
    await settled()
    expect(participant.begun).toEqual([])
    expect(participant.events).toMatchObject([{ type: 'job.missing', gid: job.gid }])
  })

  test('is open to all from its commit on when the caller commits by hand', async () => {
    const notify = vi.fn<NonNullable<JobStore['notify']>>(async () => {})
    const transaction = new FakeTransaction(() => memory)
    const { tm, participant, memory } = setUpManager(
      { A() {} },
      { enlist: transaction.enlist, notify },
    )
    await tm.start(participant, { execute: true })
    const enlisted = await tm.enlist!(context, jobOf(['A'], { byHand: true }), nothing)
    expect(transaction.leases).toEqual([undefined])
    await transaction.commit()
    enlisted!.committed(true)
    await settled()
    expect(notify).toHaveBeenCalledOnce()
    expect(participant.begun).toEqual(['A'])
  })

  test.each([
    { what: 'does not reach the store', enlist: async () => false },
    {
      what: 'is refused',
      enlist: async () => {
        throw new SteppingError('JOB_DUPLICATE', 'exists')
      },
    },
  ] satisfies { what: string; enlist: JobStore['enlist'] }[])(
    'keeps no slot when it $what',
    async ({ enlist }) => {
      const { tm, participant, memory } = setUpManager({ A() {} }, { enlist }, { concurrency: 1 })
      await tm.start(participant, { execute: true })
      const enlisted = await tm.enlist!(context, jobOf(['A']), nothing).catch(() => undefined)
      expect(enlisted).toBeUndefined()
      const submit = vi.spyOn(memory, 'submit')
      await tm.submit(jobOf(['A']))
      expect(submit.mock.lastCall![1]).toBeDefined()
    },
  )
})
