import { expect, test } from 'vitest'
import { rawSql } from '../statement.ts'
import type { Execute, SqlResult } from '../statement.ts'
import { insertBarrier, resolveBarrier } from './barrier.ts'
import { toLiteralText } from './literal.ts'
import { tables as tablesAt } from './schema.ts'

const tables = tablesAt({})
const key = { gid: 'g1', notAfter: 1, identity: 'i' }

/** A server that answers so to the first statement that matches; else with nothing. */
function answering(...answers: [RegExp, SqlResult['rows'] | number][]): {
  execute: Execute
  sent: string[]
} {
  const sent: string[] = []
  const execute: Execute = async (statement) => {
    const text = toLiteralText(statement).trim()
    sent.push(text)
    const answer = answers.find(([matches]) => matches.test(text))?.[1] ?? []
    return typeof answer === 'number'
      ? { rows: [], affected: answer }
      : { rows: answer, affected: 0 }
  }
  return { execute, sent }
}

const open: [RegExp, SqlResult['rows']] = [/as timely/, [{ timely: 1, same: 1, open: 1 }]]

test.each(['', 'other', undefined, null])(
  'the reason %j is never taken for an outcome',
  async (reason) => {
    const { execute } = answering(open, [/select reason/, [{ reason }]])
    await expect(resolveBarrier(tables, execute, key)).rejects.toThrow(/barrier of g1 answered/)
  },
)

test('a row that is missing after all is never taken for an outcome', async () => {
  const { execute } = answering(open, [/^insert ignore/, 0])
  await expect(resolveBarrier(tables, execute, key)).rejects.toThrow(/barrier of g1 answered/)
})

test('the time that the session waits for locks comes back, whatever happened', async () => {
  const { execute, sent } = answering(open)
  const failing: Execute = async (statement) => {
    const result = await execute(statement)
    if (sent.at(-1)!.startsWith('insert ignore')) throw new Error('lock wait timeout')
    return result
  }
  await expect(resolveBarrier(tables, failing, key)).rejects.toThrow('lock wait timeout')
  expect(sent.at(-1)).toBe('set @@session.innodb_lock_wait_timeout = @stepping_wait')
})

test('an insert whose answer is missing is not taken for inserted', async () => {
  const { execute } = answering()
  await expect(insertBarrier(tables, execute, key, rawSql('true'), 'msg')).resolves.not.toBe(
    'inserted',
  )
})

test.each([
  [{ timely: 1, same: 0, open: 1 }, 'changed'],
  [{ timely: 1, same: 1, open: 0 }, 'lost'],
  [{ timely: 0, same: 1, open: 1 }, 'expired'],
  [{ timely: '1', same: '1', open: '1' }, 'exists'],
  [{ timely: 1n, same: 1n, open: 1n }, 'exists'],
])('an insert of nothing is told by what was true: %o', async (row, found) => {
  const { execute } = answering([/as timely/, [row]])
  await expect(insertBarrier(tables, execute, key, rawSql('true'), 'msg')).resolves.toBe(found)
})
