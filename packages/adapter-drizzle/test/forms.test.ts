import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openJobs, openPath, startApp } from './app.ts'
import type { App, Path } from './app.ts'
import { drivers } from './harness.ts'
import type { Driver, Harness } from './harness.ts'
import { orders } from './schema.ts'

const paths: readonly Path[] = ['outbox', 'two phases']
const combinations = drivers.flatMap((driver) => paths.map((path) => ({ driver, path })))

describe.each(combinations.map((each) => [each.driver.name, each.path, each] as const))(
  'over %s, %s,',
  (_driver, _path, { driver, path }: { driver: Driver; path: Path }) => {
    let opened: Awaited<ReturnType<typeof openPath>>
    let h: Harness
    let store: Harness
    beforeAll(async () => {
      opened = await openPath(driver, path)
      ;({ h, store } = opened)
    })
    afterAll(async () => {
      await opened.close()
    })

    async function start(): Promise<App> {
      return await startApp({ databases: [h.database], store: store.database })
    }

    async function noJobLeft(): Promise<void> {
      await vi.waitFor(async () => expect(await openJobs(store)).toEqual([]), { timeout: 5_000 })
    }

    test("a transaction's job is dropped when the commit fails", async () => {
      const app = await start()
      await h.query('create table paid (n int unique deferrable initially deferred)')
      const failed = app.stepping.transaction(h.database, async (tx, job) => {
        job.addStep(app.note, 'not paid')
        await tx.execute(sql`insert into paid values (1), (1)`)
      })
      await expect(failed).rejects.toBeInstanceOf(Error)
      await noJobLeft()
      expect(app.notes).not.toContain('not paid')
    })

    test('a transaction without a step stores nothing of ours', async () => {
      const app = await start()
      const before = await h.query('select count(*) from stepping.barrier')
      await app.stepping.transaction(h.database, async (tx) => {
        await tx.insert(orders).values({ sku: 'plain' })
      })
      expect(await h.skus()).toContain('plain')
      expect(await h.query('select count(*) from stepping.barrier')).toEqual(before)
      await noJobLeft()
    })

    test('only two phases need a barrier row', async () => {
      const app = await start()
      const gid = await app.stepping.transaction(h.database, async (_tx, job) => {
        return job.addStep(app.note, 'barrier').gid
      })
      await app.noted('barrier')
      expect(await h.barrier(gid)).toHaveLength(path === 'outbox' ? 0 : 1)
    })
  },
)
