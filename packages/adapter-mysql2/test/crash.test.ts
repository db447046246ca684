import { runChild } from '@stepping/test-support'
import { createStepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { expect, test, vi } from 'vitest'
import { openPath, paths } from './app.ts'
import type { CrashingAppEnvironment, CrashPoint } from './children/crashing-app.ts'
import { open } from './harness.ts'

const forms = ['a transaction', 'a commit by hand'] as const
const possible: Record<CrashPoint, readonly string[][]> = {
  'before the commit': [[]],
  'with the commit on its way': [[], ['placed']],
  'after the commit': [['placed']],
}
const points = Object.keys(possible) as CrashPoint[]
const cases = forms.flatMap((form) =>
  paths.flatMap((path) => points.map((point) => ({ form, path, point }))),
)

test.each(cases)(
  '$form, $path: killed $point, the steps are done exactly if the order is there',
  async ({ form, path, point }) => {
    const { h, store } = await openPath(path, (name) => open({ name }))
    await h.query('create table mails (id int auto_increment primary key, sku varchar(200))')
    await using stepping = createStepping({
      app: 'shop',
      tm: selfTm({ database: store.database }),
      databases: [h.database],
      steps: [],
    })
    await stepping.migrate()
    const run = (env: Partial<CrashingAppEnvironment>) =>
      runChild(new URL('children/crashing-app.ts', import.meta.url), {
        env: { ORDERS_URL: h.url, STORE_URL: store.url, ...env },
      })
    await expect(run({ FORM: form, CRASH: point }).exit).resolves.toMatchObject({
      signal: 'SIGKILL',
    })
    await run({}).line((line) => line === 'started')
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), {
      timeout: 15_000,
      interval: 50,
    })
    const skus = await h.skus()
    const mails = (await h.query('select sku from mails')).map((row) => row['sku'])
    expect(mails).toEqual(skus)
    expect(possible[point]).toContainEqual(skus)
  },
)
