import { describe, expect, test } from 'vitest'
import { cells, whyNot } from './cells.ts'
import { only } from './describe-cells.ts'
import { judge } from './judge.ts'
import type { Evidence } from './judge.ts'
import { outages } from './outages.ts'
import type { Outage } from './outages.ts'
import { playOutages } from './play-outages.ts'
import type { Survived } from './play-outages.ts'
import { report } from './report.ts'

const wanted = cells
  .filter(({ name }) => name.includes(only))
  .map((cell) => ({
    cell,
    own: outages.filter(({ name }) => whyNot(cell, name) === undefined),
  }))
  .filter(({ own }) => own.length > 0)

describe.skipIf(wanted.length === 0)('the matrix while servers are killed', () => {
  let survived: ReadonlyMap<string, Survived | Error> = new Map()

  test('is played', { timeout: 900_000 }, async () => {
    const began = performance.now()
    const log = (line: string): void =>
      console.log(`${((performance.now() - began) / 1_000).toFixed(1)} s: ${line}`)
    survived = await playOutages(
      wanted.map(({ cell }) => cell),
      log,
    )
    log('all is over')
  })

  describe.each(wanted)('$cell.name', ({ cell, own }) => {
    test.each(own)('$name', (outage) => {
      const result = survived.get(cell.name)
      if (result === undefined) throw new Error(`${cell.name} was not played.`)
      if (result instanceof Error) throw result
      const { committed, notCommitted, faults } = judge(evidenceOf(outage, result.evidence))
      expect(faults).toEqual([])
      expect(committed + notCommitted, 'an order stood there').toBeGreaterThan(0)
      expect(committed).toBeGreaterThanOrEqual(isCommitted(outage) ? 1 : 0)
      report(cell, outage.name, result.tookMs.get(outage.name)!)
    })
  })
})

/** What stands behind its commit is committed; of the others either is right, as long as it is the whole. */
function isCommitted({ point }: Outage): boolean {
  return point !== 'before the prepare' && point !== 'before the commit'
}

function evidenceOf({ name }: Outage, { orders, ledger, traces }: Evidence): Evidence {
  const own = traces.filter(({ label }) => label === name)
  const gids = new Set(own.map(({ gid }) => gid))
  return {
    orders: orders.filter(({ what }) => what === name),
    ledger: ledger.filter(({ gid }) => gids.has(gid)),
    traces: own,
  }
}
