import { describe } from 'vitest'
import { cells } from './cells.ts'
import { describeCell } from './describe-cell.ts'
import { productOf } from './libraries/index.ts'
import type { Product } from './library.ts'

/** Cells whose names hold these words, for example `MATRIX="pg · self-tm outbox"`. */
const only = process.env['MATRIX'] ?? ''

/** The cells whose business rows are on this product. A file for each, so that they run side by side. */
export function describeCellsOn(product: Product): void {
  const mine = cells.filter((cell) => productOf(cell.library) === product)
  const wanted = mine.filter(({ name }) => name.includes(only))
  describe.skipIf(wanted.length === 0)(`the matrix on ${product}`, () => {
    for (const cell of wanted) describeCell(cell)
  })
}
