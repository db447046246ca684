import { expect, test } from 'vitest'
import { rawSql } from '../statement.ts'
import type { Execute } from '../statement.ts'
import { insertBarrier, resolveBarrier } from './barrier.ts'
import { tables } from './schema.ts'

const key = { gid: 'g1', notAfter: 1, identity: 'i' }

/** A driver that answers the statements, in this order, with these rows. */
function answering(...answers: (Record<string, unknown> | undefined)[]): Execute {
  return async () => {
    const row = answers.shift()
    return { rows: row ? [row] : [], affected: 1 }
  }
}

test.each([
  [undefined, undefined],
  [{}, {}],
  [undefined, { same: 1, timely: 1 }],
  [{ reason: 'other' }, { same: 1, timely: 1 }],
])('an answer without a known reason (%j, %j) is never an outcome', async (first, why) => {
  const outcome = await resolveBarrier(tables({}), answering(first, why), key).catch(() => 'none')
  expect(['none', 'changed']).toContain(outcome)
})

test('an insert whose answer is missing is not taken for inserted', async () => {
  const found = insertBarrier(tables({}), answering(), key, rawSql('true'), 'msg')
  expect(await found).not.toBe('inserted')
})

test.each([
  [{ same: 0, open: 1, timely: 1 }, 'changed'],
  [{ same: 1, open: 0, timely: 1 }, 'lost'],
  [{ same: 1, open: 1, timely: 0 }, 'expired'],
  [{ same: '1', open: '1', timely: '1' }, 'exists'],
])('what was not inserted says why: %j', async (why, found) => {
  const answers = answering(undefined, why)
  expect(await insertBarrier(tables({}), answers, key, rawSql('true'), 'msg')).toBe(found)
})
