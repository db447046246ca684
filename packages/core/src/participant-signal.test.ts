import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SteppingEvent } from './event.ts'
import { defineStep } from './step.ts'
import type { StepContext } from './step.ts'
import type { Participant } from './transaction-manager.ts'
import { callOf, fakeApp, participantOf } from './testing/fake-app.ts'

const timeoutMs = 60_000
const signals: AbortSignal[] = []

/** Never ends, whatever it is told. */
const deaf = defineStep({
  name: 'Deaf',
  timeoutMs,
  run: async ({ signal }) => {
    signals.push(signal)
    await new Promise(() => {})
  },
})

/** Ends when its signal says so, as fetch does. */
const obedient = defineStep({
  name: 'Obedient',
  timeoutMs,
  run: async ({ signal }) => {
    signals.push(signal)
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(new DOMException('This operation was aborted', 'AbortError'))
      })
    })
  },
})

/** Is done when its signal says stop. */
const finishing = defineStep({
  name: 'Finishing',
  timeoutMs,
  run: async ({ signal }) => {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve())
    })
  },
})

/** Hears nothing, and fails long after it was given up. */
const belated = defineStep({
  name: 'Belated',
  timeoutMs,
  run: async () => {
    await new Promise((resolve) => setTimeout(resolve, 2 * timeoutMs))
    throw new Error('too late')
  },
})

const brief = defineStep({ name: 'Brief', timeoutMs, run: () => {} })

let events: SteppingEvent[]
let participant: Participant

beforeEach(async () => {
  vi.useFakeTimers()
  signals.length = 0
  const app = fakeApp({ steps: [deaf, obedient, finishing, belated, brief] })
  participant = await participantOf(app)
  ;({ events } = app)
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a step whose time is up', () => {
  it('has its signal aborted then, and not before', async () => {
    const attempt = participant.runStep(callOf(deaf))
    await vi.advanceTimersByTimeAsync(timeoutMs - 1)
    expect(signals[0]?.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(signals[0]?.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(1_000)
    await attempt
  })

  it('finds its signal aborted also when it asks for it only then', async () => {
    const late = defineStep({
      name: 'Late',
      timeoutMs,
      run: async (context) => {
        await new Promise((resolve) => setTimeout(resolve, timeoutMs + 1))
        signals.push(context.signal)
      },
    })
    participant = await participantOf(fakeApp({ steps: [late] }))
    const attempt = participant.runStep(callOf(late))
    await vi.advanceTimersByTimeAsync(timeoutMs + 1)
    await attempt
    expect(signals[0]?.reason).toMatchObject({ code: 'STEP_TIMEOUT' })
  })

  it('fails as timed out when it obeys', async () => {
    const attempt = participant.runStep(callOf(obedient))
    await vi.advanceTimersByTimeAsync(timeoutMs)
    expect(await attempt).toMatchObject({
      done: false,
      error: { code: 'STEP_TIMEOUT' },
      interrupted: false,
    })
    expect(events.map(({ type }) => type)).toEqual(['step.failed'])
  })

  it('is given up a second later when it does not, and the log is told that it overlaps', async () => {
    const attempt = participant.runStep(callOf(deaf))
    await vi.advanceTimersByTimeAsync(timeoutMs + 1_000)
    expect(await attempt).toMatchObject({ done: false, error: { code: 'STEP_TIMEOUT' } })
    expect(events.map(({ type }) => type)).toEqual(['step.overran', 'step.failed'])
  })

  it('has failed once, also when it ends in an error long after it was given up', async () => {
    const nextTryInMs = vi.fn<() => Promise<number>>(async () => 1_000)
    const attempt = participant.runStep(callOf(belated, { nextTryInMs }))
    await vi.advanceTimersByTimeAsync(3 * timeoutMs)
    expect(await attempt).toMatchObject({ error: { code: 'STEP_TIMEOUT' } })
    expect(events.map(({ type }) => type)).toEqual(['step.overran', 'step.failed'])
    expect(nextTryInMs).toHaveBeenCalledOnce()
  })

  it('is done when it still ends well', async () => {
    const attempt = participant.runStep(callOf(finishing))
    await vi.advanceTimersByTimeAsync(timeoutMs)
    expect(await attempt).toEqual({ done: true })
    expect(events).toEqual([])
  })

  it('waits for a time limit as long as one wants, without a timer that fires at once', async () => {
    const endless = defineStep({
      name: 'Endless',
      timeoutMs: Infinity,
      run: async ({ signal }) => {
        signals.push(signal)
        await new Promise(() => {})
      },
    })
    participant = await participantOf(fakeApp({ steps: [endless] }))
    void participant.runStep(callOf(endless))
    await vi.advanceTimersByTimeAsync(86_400_000)
    expect(signals[0]?.aborted).toBe(false)
  })
})

describe('a step that ends in time', () => {
  it('leaves no timer behind', async () => {
    expect(await participant.runStep(callOf(brief))).toEqual({ done: true })
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('what a step is given', () => {
  it.each([
    ['a copy', (context: StepContext) => ({ ...context })],
    ['a proxy', (context: StepContext) => new Proxy(context, {})],
    ['what inherits from it', (context: StepContext) => Object.create(context) as StepContext],
  ])('has one signal, also in %s', async (_name, around) => {
    const passing = defineStep({
      name: 'Passing',
      run: (context) => void signals.push(context.signal, around(context).signal, context.signal),
    })
    participant = await participantOf(fakeApp({ steps: [passing] }))
    expect(await participant.runStep(callOf(passing))).toEqual({ done: true })
    expect(new Set(signals).size).toBe(1)
  })
})

describe('an attempt that is interrupted', () => {
  it('aborts the signal of its step with the reason', async () => {
    const stop = new AbortController()
    const attempt = participant.runStep(callOf(obedient, { signal: stop.signal }))
    const reason = new Error('the app is closing')
    await vi.waitFor(() => expect(signals).toHaveLength(1))
    stop.abort(reason)
    await attempt
    expect(signals[0]?.reason).toBe(reason)
  })

  it('does not count and is not told as a failure', async () => {
    const stop = new AbortController()
    const attempt = participant.runStep(callOf(obedient, { signal: stop.signal }))
    await vi.waitFor(() => expect(signals).toHaveLength(1))
    stop.abort()
    expect(await attempt).toMatchObject({ done: false, interrupted: true })
    expect(events).toEqual([])
  })

  it('counts as done when the step still ends well', async () => {
    const stop = new AbortController()
    const attempt = participant.runStep(callOf(finishing, { signal: stop.signal }))
    await vi.advanceTimersByTimeAsync(0)
    stop.abort()
    expect(await attempt).toEqual({ done: true })
  })

  it('does not begin its step when it was interrupted by one that began in the same turn', async () => {
    let isStopped = false
    const first = defineStep({ name: 'First', run: () => void (isStopped = true) })
    participant = await participantOf(fakeApp({ steps: [first, deaf] }))
    const second = {
      ...callOf(deaf),
      get isStopped() {
        return isStopped
      },
      get signal() {
        return isStopped ? AbortSignal.abort() : new AbortController().signal
      },
    }
    const [, outcome] = await Promise.all([
      participant.runStep(callOf(first)),
      participant.runStep(second),
    ])
    expect(outcome).toMatchObject({ done: false, interrupted: true })
    expect(signals).toEqual([])
  })

  it('does not begin its step when it was interrupted before', async () => {
    const outcome = await participant.runStep(callOf(deaf, { signal: AbortSignal.abort() }))
    expect(outcome).toMatchObject({ done: false, interrupted: true })
    expect(signals).toEqual([])
  })
})
