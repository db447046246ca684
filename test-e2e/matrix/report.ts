import { appendFileSync, readFileSync } from 'node:fs'
import { allScenarios, cells, whyNot } from './cells.ts'
import type { Cell, Scenario } from './cells.ts'

/** A scenario that passed, and how long the process took that played it. */
export interface Result {
  readonly cell: string
  readonly scenario: Scenario
  readonly ms: number
}

/** Of a server that took part, as it says itself. */
export interface Version {
  readonly server: string
}

export interface Report {
  readonly results: readonly Result[]
  readonly servers: readonly string[]
}

/** Notes what passed, where the run was asked to by `MATRIX_REPORT`, the name of a file. */
export function report(cell: Cell, scenario: Scenario, ms: number): void {
  append({ cell: cell.name, scenario, ms })
}

export function reportServer(server: string): void {
  append({ server })
}

function append(line: Result | Version): void {
  const file = process.env['MATRIX_REPORT']
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`)
}

export function readReport(file: string): Report {
  const lines = readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\n').filter(Boolean)
  const parsed = lines.map((line) => JSON.parse(line) as Result | Version)
  return {
    results: parsed.filter((line) => 'cell' in line),
    servers: [
      ...new Set(parsed.flatMap((line) => ('server' in line ? line.server : []))),
    ].toSorted(),
  }
}

/** What the data says is to be played, and is not among these, as `cell: scenario`. */
export function notPlayed({ results }: Report, words = ''): string[] {
  const played = new Set(results.map(({ cell, scenario }) => `${cell}: ${scenario}`))
  return cells
    .filter(({ name }) => name.includes(words))
    .flatMap((cell) =>
      allScenarios
        .filter((scenario) => whyNot(cell, scenario) === undefined)
        .map((scenario) => `${cell.name}: ${scenario}`),
    )
    .filter((each) => !played.has(each))
}
