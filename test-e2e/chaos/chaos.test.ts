import { describe, expect, test } from 'vitest'
import { cells, representatives } from '../matrix/cells.ts'
import { judge } from '../matrix/judge.ts'
import type { Verdict } from '../matrix/judge.ts'
import { playChaos } from './play.ts'

/** In the tests a short time with one library of each product; `npx --yes pnpm@12 chaos` has all, for longer. */
const { CHAOS_MINUTES = '0.3', CHAOS_SEED, CHAOS_CELLS } = process.env
const durationMs = Number(CHAOS_MINUTES) * 60_000
const seed = Number(CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const wanted = cells.filter(({ name, library }) =>
  CHAOS_CELLS === undefined ? representatives.includes(library) : name.includes(CHAOS_CELLS),
)
const families = ['self-tm', 'dtm'].filter((family) =>
  wanted.some(({ tm }) => tm.startsWith(family)),
)

describe(`chaos, CHAOS_SEED=${seed}`, () => {
  const verdicts = new Map<string, Verdict>()

  test('is played to its end', { timeout: durationMs + 600_000 }, async () => {
    expect(wanted, `No cell has ${CHAOS_CELLS} in its name.`).not.toEqual([])
    const began = performance.now()
    const log = (line: string): void =>
      console.log(`${((performance.now() - began) / 1_000).toFixed(1)} s: ${line}`)
    const evidence = await playChaos(wanted, { seed, durationMs, log })
    for (const [cell, each] of evidence) verdicts.set(cell.name, judge(each))
    for (const [name, { committed, notCommitted }] of verdicts) {
      log(`${name}: ${committed} orders committed, ${notCommitted} not`)
    }
  })

  test.each(wanted)('$name does what was committed, once, and nothing else', ({ name }) => {
    const verdict = verdicts.get(name)
    expect(verdict, 'it was not played').toBeDefined()
    expect(verdict!.faults).toEqual([])
    expect(verdict!.committed).toBeGreaterThan(0)
  })

  test.each(families)('at least 200 jobs of %s were played', (family) => {
    const jobs = wanted
      .filter(({ tm }) => tm.startsWith(family))
      .map(({ name }) => verdicts.get(name)!)
      .reduce((sum, { committed, notCommitted }) => sum + committed + notCommitted, 0)
    expect(jobs).toBeGreaterThanOrEqual(CHAOS_CELLS ? 1 : 200)
  })
})
