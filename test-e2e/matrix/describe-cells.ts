import { takeDtm } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { cells } from './cells.ts'
import { judgeCell } from './judge-cell.ts'
import { productOf } from './libraries/index.ts'
import type { Product } from './library.ts'
import { reportServer } from './report.ts'
import { dtmVersion, serverVersion } from './server-version.ts'
import { playCells } from './play-cells.ts'
import type { Played } from './play-cells.ts'

/** Cells whose names hold these words, for example `MATRIX="pg · self-tm outbox"`. */
export const only = process.env['MATRIX'] ?? ''

/** The cells whose business rows are on this product. A file for each, so that they run side by side. */
export function describeCellsOn(product: Product): void {
  const mine = cells.filter((cell) => productOf(cell.library) === product)
  const wanted = mine.filter(({ name }) => name.includes(only))
  describe.skipIf(wanted.length === 0)(`the matrix on ${product}`, () => {
    let played: ReadonlyMap<string, Played | Error> = new Map()
    let dtm: TakenDtm | undefined

    beforeAll(async () => {
      const version = await serverVersion(product)
      if (version) reportServer(version)
      if (wanted.some(({ tm }) => tm.startsWith('dtm'))) {
        dtm = await takeDtm()
        reportServer(await dtmVersion(dtm))
      }
    }, 600_000)

    afterAll(async () => {
      await dtm?.stop()
    })

    test('is played', { timeout: 900_000 }, async () => {
      played = await playCells(wanted, dtm)
    })

    describe.each(wanted)('$name', (cell) => {
      judgeCell(cell, () => {
        const result = played.get(cell.name)
        if (result === undefined) throw new Error('Nothing was played.')
        if (result instanceof Error) throw result
        return result
      })
    })
  })
}
