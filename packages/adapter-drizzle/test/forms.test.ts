import type { TransactionJob } from '@stepping/core'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openJobs, openPath, startApp } from './app.ts'
import type { App, Path } from './app.ts'
import { drivers } from './harness.ts'
import type { Driver, Harness, Tx } from './harness.ts'
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

    /** A transaction of the user's, with an order and a job with one step. */
    async function prepare(app: App, tx: Tx, text: string): Promise<TransactionJob> {
      await tx.insert(orders).values({ sku: text })
      const job = app.stepping.createJob(h.database.context(tx)).addStep(app.note, text)
      await job.prepareAndInsertBarrier()
      return job
    }

    async function noJobLeft(): Promise<void> {
      await vi.waitFor(async () => expect(await openJobs(store)).toEqual([]), { timeout: 5_000 })
    }

    test('a job without a transaction is done', async () => {
      const app = await start()
      const job = app.stepping.createJob().addStep(app.note, 'alone')
      await expect(job.start()).resolves.toEqual({ gid: job.gid, submitted: true })
      await app.noted('alone')
    })

    test("a transaction's job is done after the commit, once", async () => {
      const app = await start()
      const sku = await app.stepping.transaction(h.database, async (tx, job) => {
        job.addStep(app.note, 'committed')
        const [order] = await tx.insert(orders).values({ sku: 'committed' }).returning()
        return order!.sku
      })
      expect(sku).toBe('committed')
      await app.noted('committed')
      await app.settled()
      expect(app.notes.filter((text) => text === 'committed')).toHaveLength(1)
      expect(await h.skus()).toContain('committed')
    })

    test("a transaction's job is dropped with the transaction", async () => {
      const app = await start()
      const outOfStock = new Error('out of stock')
      const failed = app.stepping.transaction(h.database, async (tx, job) => {
        job.addStep(app.note, 'rolled back')
        await tx.insert(orders).values({ sku: 'rolled back' })
        throw outOfStock
      })
      await expect(failed).rejects.toBe(outOfStock)
      await app.settled()
      expect(app.notes).not.toContain('rolled back')
      expect(await h.skus()).not.toContain('rolled back')
      await noJobLeft()
    })

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

    test("a job in the user's own transaction is done after submit", async () => {
      const app = await start()
      const job = await h.db.transaction(async (tx) => await prepare(app, tx, 'submitted'))
      await expect(job.submit()).resolves.toEqual({ gid: job.gid, submitted: true })
      await app.noted('submitted')
      await expect(job.submit()).rejects.toMatchObject({ code: 'JOB_ALREADY_SUBMITTED' })
    })

    test('a submit that is forgotten is made up for', async () => {
      const app = await start()
      await h.db.transaction(async (tx) => await prepare(app, tx, 'forgotten'))
      await app.noted('forgotten')
    })

    test('a submit before the commit is refused, and works after it', async () => {
      const app = await start()
      let early: unknown
      const job = await h.db.transaction(async (tx) => {
        const prepared = await prepare(app, tx, 'early')
        early = await prepared.submit().catch((error: unknown) => error)
        return prepared
      })
      expect(early).toMatchObject({ code: 'TRANSACTION_NOT_COMMITTED', gid: job.gid })
      await expect(job.submit()).resolves.toMatchObject({ submitted: true })
      await app.noted('early')
      await app.settled()
      expect(app.notes.filter((text) => text === 'early')).toHaveLength(1)
    })

    test('a submit after a rollback is refused, and the job is dropped', async () => {
      const app = await start()
      let job: TransactionJob | undefined
      const failed = h.db.transaction(async (tx) => {
        job = await prepare(app, tx, 'undone')
        throw new Error('stop')
      })
      await expect(failed).rejects.toThrow('stop')
      await expect(job!.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
      await noJobLeft()
      expect(app.notes).not.toContain('undone')
    })

    test('a job that was undone by a savepoint is not submitted by the commit', async () => {
      const app = await start()
      let job: TransactionJob | undefined
      await h.db.transaction(async (tx) => {
        await tx
          .transaction(async (inner) => {
            job = await prepare(app, inner, 'in a savepoint')
            throw new Error('back to the savepoint')
          })
          .catch(() => {})
      })
      await expect(job!.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
      await app.settled()
      expect(app.notes).not.toContain('in a savepoint')
    })
  },
)
