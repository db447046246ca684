import type { Transaction } from 'sequelize'
import { test } from 'vitest'
import { paths } from '../../adapter-pg/test/app.ts'
import type { Path } from '../../adapter-pg/test/app.ts'
import { formNames, raceWithTheEnd } from '../../adapter-pg/test/race.ts'
import type { Form } from '../../adapter-pg/test/race.ts'
import { begun, expectWarnings, products } from './harness.ts'
import type { Harness, Product } from './harness.ts'

const combinations = products.flatMap((product) =>
  formNames.flatMap((form) =>
    paths.map((path): [string, Form, Path, Product] => [product.name, form, path, product]),
  ),
)

test.each(combinations)(
  'on %s, %s, %s: in a race with the end of its transaction, the steps run exactly if that committed',
  async (_name, form, path, product) => {
    expectWarnings()
    await raceWithTheEnd<Transaction, Harness>({
      path,
      form,
      open: (name) => product.open({ name }),
      async order({ db, orders }, sku, work) {
        const placed = async (transaction: Transaction): Promise<void> => {
          await orders.create({ sku }, { transaction })
          await work(transaction)
        }
        // A managed transaction would commit what start() has committed.
        await (form === 'start' ? begun({ db }, placed) : db.transaction(placed))
      },
    })
  },
  120_000,
)
