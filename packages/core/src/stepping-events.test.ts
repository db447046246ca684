import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SteppingEvent } from './event.ts'
import type { Logger } from './logger.ts'
import { defineStep } from './step.ts'
import { createStepping } from './stepping.ts'
import { callOf, fakeApp, participantOf, sendMail } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'
import type { StepOutcome } from './transaction-manager.ts'

const failing = defineStep({
  name: 'Failing',
  run: () => {
    throw new Error('no route')
  },
})

/** One failed attempt in an app with these options. */
async function fail(options: Parameters<typeof fakeApp>[0]): Promise<StepOutcome> {
  const participant = await participantOf(fakeApp({ steps: [failing], ...options }))
  return await participant.runStep(callOf(failing))
}

function broken(): never {
  throw new Error('disk full')
}

function rejecting(): unknown {
  return Promise.reject(new Error('disk full'))
}

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('a process that adds jobs and was never started', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  it('is told once, after five seconds', async () => {
    const { stepping, events } = fakeApp()
    const first = stepping.createJob().addStep(sendMail)
    await first.start()
    await stepping.createJob().addStep(sendMail).start()
    await vi.advanceTimersByTimeAsync(4_999)
    expect(events).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    await stepping.createJob().addStep(sendMail).start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual([{ type: 'start.forgotten', gid: first.gid }])
  })

  it('is told of a job in a transaction, too', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const { stepping, events } = fakeApp({ databases: [orders] })
    await stepping.transaction(orders, async (_tx, job) => void job.addStep(sendMail))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(events).toMatchObject([{ type: 'start.forgotten' }])
  })

  it('is not told of transactions without steps', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const { stepping, events } = fakeApp({ databases: [orders] })
    await stepping.transaction(orders, async (tx) => tx.insert('order'))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual([])
  })

  it('is not told when it starts in time', async () => {
    const { stepping, events } = fakeApp()
    await stepping.createJob().addStep(sendMail).start()
    await stepping.start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual([])
  })

  it('is not told when it was started before', async () => {
    const { stepping, events } = fakeApp()
    await stepping.start()
    await stepping.createJob().addStep(sendMail).start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual([])
  })

  it('is not told when it is not to execute', async () => {
    const { stepping, events } = fakeApp({ execute: false })
    await stepping.createJob().addStep(sendMail).start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual([])
  })

  it('is not told after it was closed', async () => {
    const { stepping, events } = fakeApp()
    await stepping.createJob().addStep(sendMail).start()
    await stepping.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual([])
  })
})

describe('what happens', () => {
  it('is printed on stderr by default, one line for each failed attempt', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const tm = new FakeTransactionManager()
    await createStepping({ app: 'shop', tm, steps: [failing] }).start()
    await tm.participant!.runStep(callOf(failing))
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^stepping: job job-1: step 1 \(Failing\), attempt 1 .*no route/)],
    ])
  })

  it('goes to the logger of the app instead', async () => {
    const warn = vi.spyOn(console, 'warn')
    const lines: string[] = []
    const write = (line: string): void => void lines.push(line)
    await fail({ logger: { debug: write, info: write, warn: write, error: write } })
    expect(lines).toEqual([expect.stringContaining('no route')])
    expect(warn).not.toHaveBeenCalled()
  })

  it('is told to onEvent', async () => {
    const events: SteppingEvent[] = []
    await fail({ onEvent: (event) => void events.push(event) })
    expect(events).toMatchObject([{ type: 'step.failed', step: 'Failing' }])
  })

  it('is told to onEvent when the logger fails, too', async () => {
    const logger: Logger = { debug: broken, info: broken, warn: broken, error: broken }
    const events: SteppingEvent[] = []
    await fail({ logger, onEvent: (event) => void events.push(event) })
    expect(events).toHaveLength(1)
  })

  it('is the same when onEvent throws', async () => {
    const outcome = await fail({ onEvent: broken })
    expect(outcome).toMatchObject({ done: false, error: { message: 'no route' } })
  })

  it('is the same when onEvent rejects: the process goes on', async () => {
    const unhandled = vi.fn<(reason: unknown) => void>()
    process.once('unhandledRejection', unhandled)
    await fail({ onEvent: rejecting })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('with a submit that cannot be delivered is not decided by an onEvent that throws', async () => {
    const orders = new FakeDatabase({ name: 'orders' })
    const { stepping, tm } = fakeApp({
      databases: [orders],
      onEvent: broken,
    })
    tm.faults.failNext('submit', new Error('connect ECONNREFUSED'))
    const value = await stepping.transaction(orders, async (_tx, job) => {
      job.addStep(sendMail)
      return 'value'
    })
    expect(value).toBe('value')
  })
})
