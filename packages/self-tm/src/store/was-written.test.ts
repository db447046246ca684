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
