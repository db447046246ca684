import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allScenarios, isSingle, scenarios, whyNot } from './cells.ts'
import type { Cell, Scenario } from './cells.ts'
import { crashPoints } from './crash-points.ts'
import type { Row } from './library.ts'
import { report } from './report.ts'
import { openStage, rowsOf, unexpected } from './stage.ts'
import type { Stage } from './stage.ts'
import type { Trace } from './trace.ts'

const inOrder = ['First', 'Second', 'Third']

/** The job commits with its transaction: these have all their effects, the others none. */
const neverCommit: readonly Scenario[] = [
  'roll back',
  'roll back by hand',
  'late commit',
  'crash before the barrier',
  'crash before the commit',
]

/** One cell: its scenarios are played in as few processes as their deaths allow, then each is judged. */
export function describeCell(cell: Cell): void {
  describe.each([cell])('$name', () => {
    let stage: Stage
    const did = new Map<Scenario, number>()
    let orders: Row[]
    let ledger: Row[]
    let traces: Trace[]

    beforeAll(async () => {
      stage = await openStage(cell)
    })

    afterAll(async () => {
      await stage.close()
    })

    test('is played to the end', { timeout: 240_000 }, async () => {
      await play(cell, stage, did)
      const last = stage.run({ DO: 'settle,rows,close' })
      orders = await rowsOf(last, 'orders')
      ledger = await rowsOf(last, 'ledger')
      expect((await last.exit).code).toBe(0)
      traces = stage.traces()
    })

    const wanted = allScenarios.filter((scenario) => whyNot(cell, scenario) === undefined)

    test.each(wanted)('%s', (scenario) => {
      const ms = did.get(scenario)
      expect(ms, 'it was not played').toBeDefined()
      if (neverCommit.includes(scenario)) expectNothing(scenario)
      else expectDone(scenario === 'two workers' ? 'commit' : scenario)
      report(cell, scenario, ms!)
    })

    function expectNothing(scenario: Scenario): void {
      expect(orders.filter(({ what }) => what === scenario)).toEqual([])
      expect(traces.filter(({ label }) => label === scenario)).toEqual([])
    }

    /** Committed, so every step was done, in order, and had its effect on the database once. */
    function expectDone(scenario: Scenario): void {
      const gids = new Set(
        scenario === 'no transaction'
          ? traces.filter(({ label }) => label === scenario).map(({ gid }) => gid)
          : orders.filter(({ what }) => what === scenario).map(({ gid }) => gid),
      )
      expect(gids.size, 'a committed order').toBeGreaterThan(0)
      for (const gid of gids) {
        const effects = ledger.filter((row) => row.gid === gid).map(({ what }) => what)
        expect(effects.toSorted()).toEqual(inOrder)
        const own = traces.filter((trace) => trace.gid === gid && trace.step)
        const firstBegins = inOrder.map((step) =>
          own.findIndex((trace) => trace.step === step && trace.what === 'begin'),
        )
        const lastEnds = inOrder.map((step) =>
          own.findLastIndex((trace) => trace.step === step && trace.what === 'end'),
        )
        expect(lastEnds).not.toContain(-1)
        // A step begins only when the one before is recorded as done: after its last end.
        expect(firstBegins[1]).toBeGreaterThan(lastEnds[0]!)
        expect(firstBegins[2]).toBeGreaterThan(lastEnds[1]!)
      }
    }
  })
}

/** Plays every scenario of the cell in as few processes as their deaths allow. */
async function play(cell: Cell, stage: Stage, did: Map<Scenario, number>): Promise<void> {
  const isWanted = (scenario: Scenario): boolean => whyNot(cell, scenario) === undefined
  const first = stage.run({ DO: ['migrate', ...scenarios.filter(isWanted)].join(',') })
  await first.line((line) => line === 'ready')
  for (const line of first.lines) {
    const [, name, ms] = /^did (.*) (\d+)$/.exec(line) ?? []
    if (name) did.set(name as Scenario, Number(ms))
  }
  expect(unexpected(first)).toEqual([])
  if (isSingle(cell.library) || (cell.store && isSingle(cell.store))) {
    first.kill()
    await first.exit
  }
  for (const point of crashPoints) {
    if (!isWanted(`crash ${point}`)) continue
    const begin = performance.now()
    const child = stage.run({ DO: 'crash', CRASH: point })
    const { signal } = await child.exit
    if (signal !== 'SIGKILL') {
      throw new Error(
        `It did not die ${point}:\n${[...child.lines, ...child.errorLines].join('\n')}`,
      )
    }
    did.set(`crash ${point}`, Math.round(performance.now() - begin))
  }
  if (isWanted('two workers')) {
    const begin = performance.now()
    const second = stage.run({ DO: 'commit' })
    await second.line((line) => line === 'ready')
    did.set('two workers', Math.round(performance.now() - begin))
    second.kill()
    await second.exit
  }
  first.kill()
  await first.exit
}
