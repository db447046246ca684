import { describe, expect, test } from 'vitest'
import type { Row } from './library.ts'
import type { Trace } from './trace.ts'
import { judge } from './judge.ts'

const gid = 'job'
const label = 'commit'
const steps = ['First', 'Second', 'Third']
const did = (what: Trace['what'], step?: string): Trace => ({
  pid: 1,
  what,
  gid,
  label,
  ...(step && { step }),
})
const orders: readonly Row[] = [{ gid, what: label }]
const ledger: readonly Row[] = steps.map((what) => ({ gid, what }))
const ran = steps.flatMap((step) => [did('begin', step), did('end', step)])
const traces: readonly Trace[] = [did('placed'), did('committed'), ...ran]

describe('the judge of chaos', () => {
  test('has nothing against a job that was done', () => {
    expect(judge({ orders, ledger, traces })).toEqual({
      committed: 1,
      notCommitted: 0,
      faults: [],
    })
  })

  test('has nothing against a transaction that left nothing', () => {
    const left = { orders: [], ledger: [], traces: [did('placed')] }
    expect(judge(left)).toEqual({ committed: 0, notCommitted: 1, faults: [] })
  })

  test('has nothing against steps that begin again, and end late', () => {
    const again = [did('begin', 'First'), ...traces, did('end', 'First')]
    expect(judge({ orders, ledger, traces: again }).faults).toEqual([])
  })

  test.each<[string, Parameters<typeof judge>[0], RegExp]>([
    ['a lost job', { orders, ledger: [], traces: traces.slice(0, 2) }, /First never ended/],
    ['a job that stopped half way', { orders, ledger: ledger.slice(0, 2), traces }, /effects are/],
    [
      'an effect that is there twice',
      { orders, ledger: [...ledger, ledger[0]!], traces },
      /effects/,
    ],
    ['a step of a rolled-back job', { orders: [], ledger: [], traces: ran }, /uncommitted/],
    [
      'an effect of a rolled-back job',
      { orders: [], ledger, traces: [did('placed')] },
      /uncommitted/,
    ],
    ['an order that is gone', { orders: [], ledger: [], traces: traces.slice(0, 2) }, /is gone/],
    [
      'a step that began before the end of the one before',
      { orders, ledger, traces: [did('begin', 'Second'), ...traces] },
      /Second began before First ended/,
    ],
    [
      'an order whose callback threw',
      { orders: [{ gid, what: 'roll back' }], ledger, traces },
      /its order is there/,
    ],
  ])('notices %s', (_, evidence, fault) => {
    expect(judge(evidence).faults.join('\n')).toMatch(fault)
  })
})
