import { expect, test } from 'vitest'
import type { Settlement } from './job-store.ts'
import { wasWritten } from './was-written.ts'
import type { Standing } from './was-written.ts'

const advanced: Settlement = {
  gid: 'a',
  token: 3,
  cursor: 1,
  to: 'advanced',
  nextStep: 'Next',
  leaseMs: 1_000,
}
const written: Standing = { token: 3, cursor: 2, state: 'submitted', leased: true }

test('the row stands where this settlement put it: it was written', () => {
  expect(wasWritten(advanced, written)).toBe(true)
})

test('another holder has gone as far: it was not this one’s', () => {
  expect(wasWritten(advanced, { ...written, token: 4 })).toBe(false)
})

test('an operator ended the job: it was not written', () => {
  expect(wasWritten({ ...advanced, to: 'finished' }, { ...written, token: 4, cursor: 1 })).toBe(
    false,
  )
})

test.each([
  { to: 'rolledBack' },
  { to: 'retried', inMs: 0, error: 'no luck' },
  { to: 'parked', error: 'out of paper' },
  { to: 'returned', inMs: 0 },
] as const)('$to gave the lease up where it stood, and only there', (ending) => {
  const settlement: Settlement = { gid: 'a', token: 3, cursor: 1, ...ending }
  const givenUp: Standing = { token: 3, cursor: 1, state: 'submitted', leased: false }
  expect(wasWritten(settlement, givenUp)).toBe(true)
  expect(wasWritten(settlement, { ...givenUp, leased: true })).toBe(false)
  expect(wasWritten(settlement, { ...givenUp, cursor: 2 })).toBe(false)
})

test('no row is left: only a finish explains that', () => {
  expect(wasWritten({ ...advanced, to: 'finished' }, undefined)).toBe(true)
  expect(wasWritten(advanced, undefined)).toBe(false)
})
