import { expect, test } from 'vitest'
import { viewOf } from './job-rows.ts'

test.each([
  ['submitted', 'no luck'],
  ['parked', 'no luck'],
  ['cancelled', 'no luck'],
  ['finished', null],
])('the last error of a job that is %s is %j', (state, lastError) => {
  const times = { due_at: 0, created_at: 0, finished_at: null }
  const row = { gid: 'g', app: 'shop', state, steps: '[]', cursor: 0, attempts: 1, ...times }
  expect(viewOf({ ...row, last_error: 'no luck' })).toMatchObject({ state, lastError })
})
