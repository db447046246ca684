import type { PoolClient } from 'pg'
import { test } from 'vitest'
import { crashCases, killAround } from './crash-cases.ts'
import { open } from './harness.ts'
import type { Harness } from './harness.ts'

const shop = new URL('children/pg-shop.ts', import.meta.url)

test.each(crashCases)(
  '$form, $path: killed $point, the steps are done exactly if the order is there',
  async (crashCase) => {
    await killAround<PoolClient, Harness>(crashCase, openWithMails, shop)
  },
)

async function openWithMails(name: string): Promise<Harness> {
  const h = await open({ name })
  await h.query('create table mails (id serial primary key, sku text)')
  return h
}
