import type { PoolClient } from 'pg'
import { test } from 'vitest'
import { paths } from './app.ts'
import type { Path } from './app.ts'
import { begun, open, order } from './harness.ts'
import type { Harness } from './harness.ts'
import { formNames, raceWithTheEnd } from './race.ts'
import type { Form } from './race.ts'

const combinations = formNames.flatMap((form) => paths.map((path): [Form, Path] => [form, path]))

test.each(combinations)(
  '%s, %s: in a race with the end of its transaction, the steps run exactly if that committed',
  async (form, path) => {
    await raceWithTheEnd<PoolClient, Harness>({
      path,
      form,
      open: (name) => open({ name }),
      order: (h, sku, work) =>
        begun(h, async (client) => {
          await order(client, sku)
          await work(client)
        }),
    })
  },
  120_000,
)
