import type { Participant, StepCall, StepOutcome } from '@stepping/core'
import { expect, it } from 'vitest'
import { Ledger } from './ledger.ts'
import type { LedgerDatabase } from './ledger.ts'

const call: StepCall = {
  gid: 'g',
  index: 0,
  name: 'Ship',
  attempt: 1,
  signal: new AbortController().signal,
}

it.each<['done' | 'failed', StepOutcome]>([
  ['done', { done: true }],
  [
    'failed',
    { done: false, error: new Error('no luck'), interrupted: false, park: false, retryInMs: 1 },
  ],
])('a step whose row was lost while it ran is not given up before it %s', async (how, outcome) => {
  const end = Promise.withResolvers<StepOutcome>()
  const begun: StepCall[] = []
  let isLost = true
  const database = {
    limits: {},
    once: { take: () => Promise.resolve(undefined) },
    context: () => ({}),
    async transaction(work: (tx: unknown) => Promise<unknown>) {
      const working = work({})
      if (!isLost) return await working
      working.catch(() => {})
      await Promise.resolve()
      throw new Error('connection lost')
    },
  } as unknown as LedgerDatabase
  const participant = {
    owner: 'shop/dtm',
    report: () => {},
    runStep: async (step: StepCall) => {
      begun.push(step)
      return await end.promise
    },
  } as unknown as Participant
  const ledger = new Ledger(database, participant)
  let isOver = false
  const first = ledger.run(call).finally(() => (isOver = true))
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(isOver).toBe(false)
  end.resolve(outcome)
  expect(await first).toMatchObject(
    how === 'done' ? { done: false, error: { code: 'STEP_RETRY' } } : outcome,
  )
  isLost = false
  await ledger.run(call)
  expect(begun).toHaveLength(how === 'done' ? 1 : 2)
})
