import { runChild } from '@stepping/test-support'
import { expect, vi } from 'vitest'
import { openPath, paths, startApp } from './app.ts'
import type { Path } from './app.ts'
import { crashPoints } from './children/die-at-commit.ts'
import type { CrashPoint } from './children/die-at-commit.ts'
import { forms } from './children/shop.ts'
import type { ShopEnvironment } from './children/shop.ts'
import type { Racing } from './race.ts'

export interface CrashCase {
  readonly form: (typeof forms)[number]
  readonly path: Path
  readonly point: CrashPoint
}

export const crashCases: readonly CrashCase[] = forms.flatMap((form) =>
  paths.flatMap((path) => crashPoints.map((point) => ({ form, path, point }))),
)

export interface Crashing<Tx> extends Racing<Tx> {
  readonly url: string
  query(text: string): Promise<Record<string, unknown>[]>
}

/** A process dies, and another one goes on: the steps are done exactly if the order is there. */
export async function killAround<Tx, H extends Crashing<Tx>>(
  { form, path, point }: CrashCase,
  open: (name: string) => Promise<H>,
  shop: URL,
  env: object = {},
): Promise<void> {
  const { h, store } = await openPath(path, open)
  // Migrates the store.
  const app = await startApp({ databases: [h.database], store: store.database })
  await app.stepping.close()
  const run = (its: Partial<ShopEnvironment>) =>
    runChild(shop, { env: { ORDERS_URL: h.url, STORE_URL: store.url, ...its, ...env } })
  await expect(run({ FORM: form, CRASH: point }).exit).resolves.toMatchObject({ signal: 'SIGKILL' })
  await run({}).line((line) => line === 'started')
  await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), {
    timeout: 20_000,
    interval: 50,
  })
  const skus = await h.skus()
  const mails = (await h.query('select sku from mails')).map((row) => row['sku'])
  expect(mails).toEqual(skus)
  const possible = { 'before the commit': [[]], 'after the commit': [['placed']] }
  const isRace = point === 'with the commit on its way'
  expect(isRace ? [[], ['placed']] : possible[point]).toContainEqual(skus)
}
