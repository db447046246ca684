import type { Child, TakenDtm } from '@stepping/test-support'
import { expect } from 'vitest'
import { isSingle, scenarios, whyNot } from './cells.ts'
import type { Cell, Scenario } from './cells.ts'
import { deaths } from './crash-points.ts'
import type { Row } from './library.ts'
import { freshPlace } from './places.ts'
import { openStage, rowsOf, unexpected } from './stage.ts'
import type { Stage } from './stage.ts'
import type { Trace } from './trace.ts'

/** What came of a cell's scenarios. */
export interface Played {
  /** How long the process of a scenario took for it, in milliseconds. */
  readonly did: ReadonlyMap<Scenario, number>
  readonly orders: readonly Row[]
  readonly ledger: readonly Row[]
  readonly traces: readonly Trace[]
}

/** Resolves when all scenarios of the cell were played; what that resolves with, when nothing is left to be done. */
export async function playCell(
  cell: Cell,
  dtm: TakenDtm | undefined,
): Promise<{ readonly end: Promise<Played> }> {
  const tenants = whyNot(cell, 'two tenants') === undefined ? 2 : 0
  const stage = await openStage(cell, { dtm, place: freshPlace }, tenants)
  const did = new Map<Scenario, number>()
  try {
    await playScenarios(cell, stage, did)
  } catch (error) {
    await stage.close()
    throw error
  }
  return { end: settle(stage, did) }
}

async function settle(stage: Stage, did: ReadonlyMap<Scenario, number>): Promise<Played> {
  try {
    const last = stage.run({ DO: 'settle,rows,close' })
    const orders = await rowsOf(last, 'orders')
    const ledger = await rowsOf(last, 'ledger')
    expect((await last.exit).code).toBe(0)
    return { did, orders, ledger, traces: stage.traces() }
  } finally {
    await stage.close()
  }
}

/** In as few processes as their deaths allow. */
async function playScenarios(cell: Cell, stage: Stage, did: Map<Scenario, number>): Promise<void> {
  const isWanted = (scenario: Scenario): boolean => whyNot(cell, scenario) === undefined
  const first = stage.run({ DO: ['migrate', ...scenarios.filter(isWanted)].join(',') }, 0)
  await first.line((line) => line === 'ready')
  for (const line of first.lines) {
    const [, name, ms] = /^did (.*) (\d+)$/.exec(line) ?? []
    if (name) did.set(name as Scenario, Number(ms))
  }
  expect(unexpected(first)).toEqual([])
  const isAlone = isSingle(cell.library) || (cell.store !== undefined && isSingle(cell.store))
  if (isAlone) await kill(first)
  for (const [n, death] of deaths.entries()) {
    const points = death.filter((point) => isWanted(`crash ${point}`))
    const begin = performance.now()
    // Two processes work while it places its order.
    const doing = { DO: n === 0 ? 'commit,crash' : 'crash', CRASH: points.join(';') }
    const child = stage.run(doing, n + 1)
    const { signal } = await child.exit
    if (signal !== 'SIGKILL') {
      throw new Error(
        `It did not die ${points.join('; ')}:\n${[...child.lines, ...child.errorLines].join('\n')}`,
      )
    }
    const ms = Math.round(performance.now() - begin)
    for (const point of points) did.set(`crash ${point}`, ms)
    if (n === 0 && isWanted('two workers')) did.set('two workers', ms)
  }
  await kill(first)
}

async function kill(child: Child): Promise<void> {
  child.kill()
  await child.exit
}
