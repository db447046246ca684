import { expect, test } from 'vitest'
import { allScenarios, whyNot } from './cells.ts'
import { outages } from './outages.ts'
import type { Cell, Scenario } from './cells.ts'
import { report } from './report.ts'
import type { Played } from './play-cells.ts'

const inOrder = ['First', 'Second', 'Third']

/** The job commits with its transaction: these have all their effects, the others none. */
const neverCommit: readonly Scenario[] = [
  'roll back',
  'roll back by hand',
  'late commit',
  'crash before the barrier',
  'crash before the commit',
]

/** A test for each scenario of a cell that was played. */
export function judgeCell(cell: Cell, played: () => Played): void {
  const wanted = allScenarios.filter(
    (scenario) => whyNot(cell, scenario) === undefined && !isOutage(scenario),
  )

  test.each(wanted)('%s', (scenario) => {
    const ms = played().did.get(scenario)
    expect(ms, 'it was not played').toBeDefined()
    if (neverCommit.includes(scenario)) expectNothing(played(), scenario)
    else expectDone(played(), scenario === 'two workers' ? 'commit' : scenario)
    if (scenario === 'two tenants') expectTenants(played())
    report(cell, scenario, ms!)
  })
}

function expectNothing({ orders, traces }: Played, scenario: Scenario): void {
  expect(orders.filter(({ what }) => what === scenario)).toEqual([])
  expect(traces.filter(({ label, step }) => label === scenario && step)).toEqual([])
}

function expectTenants({ orders }: Played): void {
  const own = orders.filter(({ what }) => what === 'two tenants')
  expect(new Set(own.map(({ tenant }) => tenant))).toEqual(new Set(['tenant 0', 'tenant 1']))
}

/** Committed, so every step was done, in order, and had its effect on the database once. */
function expectDone({ orders, ledger, traces }: Played, scenario: Scenario): void {
  const committed =
    scenario === 'no transaction'
      ? traces.filter(({ label, what }) => label === scenario && what === 'committed')
      : orders.filter(({ what }) => what === scenario)
  const gids = new Set(committed.map(({ gid }) => gid))
  expect(gids.size, 'a committed order').toBeGreaterThan(0)
  for (const gid of gids) {
    const effects = ledger.filter((row) => row.gid === gid)
    expect(effects.map(({ what }) => what).toSorted()).toEqual(inOrder)
    const { tenant } = orders.find((row) => row.gid === gid) ?? {}
    expect(effects.map((row) => row.tenant)).toEqual(inOrder.map(() => tenant))
    const own = traces.filter((trace) => trace.gid === gid && trace.step)
    const firstBegins = inOrder.map((step) =>
      own.findIndex((trace) => trace.step === step && trace.what === 'begin'),
    )
    const firstEnds = inOrder.map((step) =>
      own.findIndex((trace) => trace.step === step && trace.what === 'end'),
    )
    expect(firstEnds).not.toContain(-1)
    // A step begins only when the one before is recorded as done. Another attempt of that, which lost its lease of a
    // second because the machine was busy, may end later still.
    expect(firstBegins[1]).toBeGreaterThan(firstEnds[0]!)
    expect(firstBegins[2]).toBeGreaterThan(firstEnds[1]!)
  }
}

function isOutage(scenario: Scenario): boolean {
  return outages.some(({ name }) => name === scenario)
}
