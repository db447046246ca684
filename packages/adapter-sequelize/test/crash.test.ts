import type { Dialect, Transaction } from 'sequelize'
import { test } from 'vitest'
import { crashCases, killAround } from '../../adapter-pg/test/crash-cases.ts'
import type { CrashCase } from '../../adapter-pg/test/crash-cases.ts'
import { mysql2, postgres } from './harness.ts'
import type { Harness, Product } from './harness.ts'

const shop = new URL('children/sequelize-shop.ts', import.meta.url)

const dialects: readonly [Dialect, Product][] = [
  ['postgres', postgres],
  ['mysql', mysql2],
]

type Case = CrashCase & { readonly dialect: Dialect; readonly product: Product }

const cases = dialects.flatMap(([dialect, product]) =>
  crashCases.map((crashCase): Case => ({ ...crashCase, dialect, product })),
)

test.each(cases)(
  '$dialect, $form, $path: killed $point, the steps are done exactly if the order is there',
  async ({ dialect, product, ...crashCase }) => {
    const open = async (name: string): Promise<Harness> => {
      const h = await product.open({ name })
      await h.db.query('create table mails (sku varchar(100))')
      return h
    }
    await killAround<Transaction, Harness>(crashCase, open, shop, { DIALECT: dialect })
  },
)
