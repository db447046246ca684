import { appendFileSync } from 'node:fs'
import type { Cell, Scenario } from './cells.ts'

/** What `npx --yes pnpm@12 matrix` makes its table of. */
export interface Result {
  readonly cell: string
  readonly scenario: Scenario
  readonly ms: number
}

/** Notes a scenario that passed, where the run was asked to by `MATRIX_REPORT`, the name of a file. */
export function report(cell: Cell, scenario: Scenario, ms: number): void {
  const file = process.env['MATRIX_REPORT']
  const result: Result = { cell: cell.name, scenario, ms }
  if (file) appendFileSync(file, `${JSON.stringify(result)}\n`)
}
