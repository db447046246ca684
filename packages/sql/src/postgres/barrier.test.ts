import { expect, test } from 'vitest'
import { rawSql } from '../statement.ts'
import type { Execute } from '../statement.ts'
import { schemaTables } from '../table-name.ts'
import { insertBarrier, resolveBarrier } from './barrier.ts'

const tables = schemaTables('stepping')
const key = { gid: 'g1', notAfter: 1, identity: 'i' }

/** A server that answers every statement with this row. */
function answering(row: Record<string, unknown> | undefined): Execute {
  return async () => ({ rows: row ? [row] : [], affected: 1 })
}

test.each([
  undefined,
  {},
  { timely: true, same: true },
  { timely: true, same: true, reason: 'other' },
])('an answer without a known reason (%j) is never an outcome', async (row) => {
  const outcome = await resolveBarrier(tables, answering(row), key).catch(() => 'no outcome')
  expect(['no outcome', 'changed']).toContain(outcome)
})

test('an insert whose answer is missing is not taken for inserted', async () => {
  await expect(
    insertBarrier(tables, answering(undefined), key, rawSql('true'), 'msg'),
  ).resolves.not.toBe('inserted')
})
