import type { Cell, Scenario } from './cells.ts'

export interface Result {
  readonly cell: string
  readonly scenario: Scenario
  readonly ms: number
}

const results: Result[] = []

/** Notes a passed scenario, for the table. */
export function report(cell: Cell, scenario: Scenario, ms: number): void {
  results.push({ cell: cell.name, scenario, ms })
}

export function reported(): readonly Result[] {
  return results
}
