import type { OnceKey, Participant, StepCall, StepOutcome, SteppingEvent } from '@stepping/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { beatMs, leaseMs } from './ledger-lease.ts'
import type { LedgerDatabase } from './ledger-row.ts'
import { Ledger } from './ledger.ts'

const call: StepCall = {
  gid: 'g',
  index: 0,
  name: 'Ship',
  attempt: 1,
  signal: new AbortController().signal,
}

const failure: StepOutcome = {
  done: false,
  error: new Error('no luck'),
  interrupted: false,
  park: false,
  retryInMs: 1,
}

/** What all processes see. */
let rows: Map<string, string | null>

interface Process {
  readonly ledger: Ledger
  readonly begun: StepCall[]
  readonly events: SteppingEvent[]
  end(outcome: StepOutcome): void
  /** Its statements are lost from now on; or only their answers. */
  loses: 'nothing' | 'statements' | 'answers'
  /** Its transactions begin only then. */
  waitsFor: Promise<void> | undefined
}

function idOf({ gid, index, key, owner }: OnceKey): string {
  return `${gid} ${index} ${key} ${owner}`
}

/** A process whose transactions are as short as those of the ledger, and never overlap. */
function open(): Process {
  const ends: PromiseWithResolvers<StepOutcome>[] = []
  const database = {
    limits: {},
    context: () => ({}),
    once: {
      async take(_context: unknown, key: OnceKey) {
        const value = rows.get(idOf(key))
        if (value !== undefined) return { value }
        rows.set(idOf(key), null)
        return undefined
      },
      store: async (_context: unknown, key: OnceKey, value: string) =>
        void rows.set(idOf(key), value),
      async replace(_context: unknown, key: OnceKey, was: string, value: string) {
        if (rows.get(idOf(key)) !== was) return false
        rows.set(idOf(key), value)
        return true
      },
    },
    async transaction(work: (tx: unknown) => Promise<unknown>) {
      if (process.loses === 'statements') throw new Error('connection lost')
      await process.waitsFor
      const value = await work({})
      if (process.loses === 'answers') throw new Error('connection lost')
      return value
    },
  } as unknown as LedgerDatabase
  const participant = {
    owner: 'shop/dtm',
    report: (event: SteppingEvent) => void process.events.push(event),
    runStep: async (step: StepCall) => {
      process.begun.push(step)
      const end = Promise.withResolvers<StepOutcome>()
      ends.push(end)
      return await end.promise
    },
  } as unknown as Participant
  const process: Process = {
    ledger: new Ledger(database, participant),
    begun: [],
    events: [],
    end: (outcome) => ends.at(-1)!.resolve(outcome),
    loses: 'nothing',
    waitsFor: undefined,
  }
  return process
}

async function passes(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

let first: Process
let second: Process

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  })
  rows = new Map()
  first = open()
  second = open()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a step', () => {
  it('that is done in one process is done in the other', async () => {
    const outcome = first.ledger.run(call)
    await passes(0)
    first.end({ done: true })
    expect(await outcome).toEqual({ done: true })
    expect(await second.ledger.run(call)).toEqual({ done: true })
    expect(second.begun).toEqual([])
  })

  it('that ends while its holder shows that it lives leaves no timer behind', async () => {
    const outcome = first.ledger.run(call)
    await passes(0)
    const shown = Promise.withResolvers<void>()
    first.waitsFor = shown.promise
    await passes(beatMs)
    first.end({ done: true })
    await passes(0)
    shown.resolve()
    expect(await outcome).toEqual({ done: true })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that failed in one process is tried in the other at once', async () => {
    const outcome = first.ledger.run(call)
    await passes(0)
    first.end(failure)
    expect(await outcome).toBe(failure)
    void second.ledger.run(call)
    await passes(0)
    expect(second.begun).toHaveLength(1)
  })

  it('is not begun in the other process for as long as the first is at it and lives', async () => {
    const outcome = first.ledger.run(call)
    for (let n = 0; n < 20; n++) {
      const other = second.ledger.run(call)
      await passes(leaseMs)
      expect(await other).toBe('undecided')
    }
    expect(second.begun).toEqual([])
    expect(second.events).toEqual([])
    expect(first.begun[0]!.signal.aborted).toBe(false)
    first.end({ done: true })
    expect(await outcome).toEqual({ done: true })
    expect(await second.ledger.run(call)).toEqual({ done: true })
  })

  it('of a process that shows only at the last moment that it lives stays there', async () => {
    void first.ledger.run(call)
    await passes(0)
    first.loses = 'statements'
    const other = second.ledger.run(call)
    await passes(9_000)
    first.loses = 'nothing'
    const slow = Promise.withResolvers<void>()
    first.waitsFor = slow.promise
    await passes(3_000)
    slow.resolve()
    await passes(leaseMs)
    expect(await other).toBe('undecided')
    expect(first.begun[0]!.signal.aborted).toBe(false)
  })

  it('of a process that shows no sign of life stops there before the other one begins it', async () => {
    void first.ledger.run(call)
    await passes(0)
    first.loses = 'statements'
    let stoppedFirst: boolean | undefined
    void second.ledger.run(call)
    while (second.begun.length === 0) {
      stoppedFirst = first.begun[0]!.signal.aborted
      await passes(100)
    }
    expect(stoppedFirst).toBe(true)
    expect(first.begun[0]!.signal.reason).toMatchObject({ code: 'LEASE_LOST' })
  })

  it('that was taken over is not written by its first holder, and not begun there again', async () => {
    const outcome = first.ledger.run(call)
    await passes(0)
    first.loses = 'statements'
    const other = second.ledger.run(call)
    await passes(2 * leaseMs)
    expect(second.begun).toHaveLength(1)
    first.loses = 'nothing'
    first.end({ done: true })
    expect(await outcome).toBe('undecided')
    second.end(failure)
    expect(await other).toBe(failure)
    // It was done there, and only that was not written.
    expect(await first.ledger.run(call)).toEqual({ done: true })
    expect(first.begun).toHaveLength(1)
    expect(await second.ledger.run(call)).toEqual({ done: true })
  })

  it.each(['statements', 'answers'] as const)(
    'is not done again when the %s that say that it is done are lost',
    async (what) => {
      const outcome = first.ledger.run(call)
      await passes(0)
      first.loses = what
      first.end({ done: true })
      expect(await outcome).toBe('undecided')
      expect(first.events).toMatchObject([{ type: 'step.failed', error: { code: 'STEP_RETRY' } }])
      first.loses = 'nothing'
      expect(await first.ledger.run(call)).toEqual({ done: true })
      expect(first.begun).toHaveLength(1)
    },
  )

  it('that could not be held is begun at once when its answer alone was lost', async () => {
    first.loses = 'answers'
    expect(await first.ledger.run(call)).toBe('undecided')
    first.loses = 'nothing'
    void first.ledger.run(call)
    await passes(0)
    expect(first.begun).toHaveLength(1)
  })

  it('is not waited for by a process that closes', async () => {
    void first.ledger.run(call)
    await passes(0)
    const stop = new AbortController()
    const waiting = second.ledger.run({ ...call, signal: stop.signal })
    await passes(0)
    stop.abort()
    expect(await waiting).toBe('undecided')
    expect(second.events).toEqual([])
  })
})
