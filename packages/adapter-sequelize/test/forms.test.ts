import type { CommittableJob } from '@stepping/core'
import { defineStep } from '@stepping/core'
import type { Transaction } from 'sequelize'
import { describe, expect, test, vi } from 'vitest'
import { onPath, paths, startApp } from '../../adapter-pg/test/app.ts'
import type { App, Path } from '../../adapter-pg/test/app.ts'
import { begun, expectWarnings, openForTest, products } from './harness.ts'
import type { Harness, Product } from './harness.ts'

const combinations = products.flatMap((product) =>
  paths.map((path): [string, Path, Product] => [product.name, path, product]),
)

/** An order, and a job with one step that is tied to it. */
async function place(
  h: Harness,
  app: App,
  transaction: Transaction,
  text: string,
): Promise<CommittableJob> {
  await h.orders.create({ sku: text }, { transaction })
  return app.stepping.createJob(h.database.context(transaction)).addStep(app.note, text)
}

async function expectDropped(store: Harness, app: App, text: string): Promise<void> {
  await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 10_000 })
  await app.settled()
  expect(app.notes).not.toContain(text)
}

describe.each(combinations)('on %s, %s,', (_name, path, product) => {
  const opened = onPath(path, (name) => product.open({ name }))

  async function start(): Promise<{ h: Harness; store: Harness; app: App }> {
    const { h, store } = opened
    return { h, store, app: await startApp({ databases: [h.database], store: store.database }) }
  }

  describe('stepping.transaction', () => {
    test('has its job done after the commit, once', async () => {
      const { h, app } = await start()
      const value = await app.stepping.transaction(h.database, async (transaction, job) => {
        await h.orders.create({ sku: 'committed' }, { transaction })
        job.addStep(app.note, 'committed')
        return 42
      })
      expect(value).toBe(42)
      await app.noted('committed')
      await app.settled()
      expect(app.notes.filter((text) => text === 'committed')).toHaveLength(1)
      expect(await h.skus()).toContain('committed')
    })

    test('drops its job with the transaction', async () => {
      const { h, store, app } = await start()
      const outOfStock = new Error('out of stock')
      const failed = app.stepping.transaction(h.database, async (transaction, job) => {
        await h.orders.create({ sku: 'undone' }, { transaction })
        job.addStep(app.note, 'undone')
        throw outOfStock
      })
      await expect(failed).rejects.toBe(outOfStock)
      await expectDropped(store, app, 'undone')
      expect(await h.skus()).not.toContain('undone')
    })

    test('does not let its own transaction be committed by a job', async () => {
      const { h, app } = await start()
      const failed = app.stepping.transaction(h.database, async (transaction) => {
        await (await place(h, app, transaction, 'x')).start()
      })
      await expect(failed).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    })
  })

  const byHand = {
    managed: <R>(h: Harness, work: (t: Transaction) => Promise<R>) => h.db.transaction(work),
    unmanaged: <R>(h: Harness, work: (t: Transaction) => Promise<R>) =>
      begun(h, async (t) => {
        const value = await work(t)
        await t.commit()
        return value
      }),
  }

  describe.each(Object.entries(byHand))("the user's own %s transaction", (_kind, transact) => {
    test('has its job done after submit', async () => {
      const { h, app } = await start()
      const job = await transact(h, async (t) => {
        const placed = await place(h, app, t, 'submitted')
        await placed.prepareAndInsertBarrier()
        return placed
      })
      await expect(job.submit()).resolves.toEqual({ gid: job.gid, submitted: true })
      await app.noted('submitted')
    })

    test('has its job done when submit is forgotten', async () => {
      const { h, app } = await start()
      await transact(h, async (t) => {
        await (await place(h, app, t, 'forgotten')).prepareAndInsertBarrier()
      })
      await app.noted('forgotten')
    })

    test('refuses submit after a rollback, and drops the job', async () => {
      const { h, store, app } = await start()
      let job: CommittableJob | undefined
      const failed = transact(h, async (t) => {
        job = await place(h, app, t, 'undone')
        await job.prepareAndInsertBarrier()
        throw new Error('stop')
      })
      await expect(failed).rejects.toThrow('stop')
      await expect(job!.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
      await expectDropped(store, app, 'undone')
    })

    test('drops the job of a savepoint that is rolled back', async () => {
      const { h, store, app } = await start()
      const job = await transact(h, async (t) => {
        let inner: CommittableJob | undefined
        const undone = h.db.transaction({ transaction: t }, async (savepoint) => {
          inner = await place(h, app, savepoint, 'in a savepoint')
          await inner.prepareAndInsertBarrier()
          throw new Error('back to the savepoint')
        })
        await expect(undone).rejects.toThrow('back to the savepoint')
        return inner!
      })
      await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
      await expectDropped(store, app, 'in a savepoint')
    })
  })

  describe('start() in an unmanaged transaction', () => {
    test('commits, and has the job done, once', async () => {
      const { h, app } = await start()
      const hook = vi.fn<() => void>()
      const { gid, receipt } = await begun(h, async (t) => {
        t.afterCommit(hook)
        const job = await place(h, app, t, 'started')
        return { gid: job.gid, receipt: await job.start() }
      })
      expect(receipt).toEqual({ gid, submitted: true })
      expect(hook).toHaveBeenCalledTimes(1)
      await app.noted('started')
      await app.settled()
      expect(app.notes.filter((text) => text === 'started')).toHaveLength(1)
      expect(await h.skus()).toContain('started')
    })

    test('is refused in a savepoint, which commits nothing, before anything is sent', async () => {
      const { h, store, app } = await start()
      await h.db.transaction(async (t) => {
        const savepoint = await h.db.transaction({ transaction: t })
        const job = await place(h, app, savepoint, 'kept')
        await expect(job.start()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
        await savepoint.commit()
      })
      await expectDropped(store, app, 'kept')
      expect(await h.skus()).toContain('kept')
    })

    test('gives the connection back to the pool', async () => {
      const { h, app } = await start()
      for (let i = 0; i < 12; i++) {
        await begun(h, async (t) => void (await (await place(h, app, t, `order ${i}`)).start()))
      }
      expect(await h.skus()).toContain('order 11')
    })

    test("is a job only once with a gid of the caller's own", async () => {
      const { h, app } = await start()
      const handle = (text: string) =>
        begun(h, async (transaction) => {
          await h.orders.create({ sku: text }, { transaction })
          const context = h.database.context(transaction)
          const job = app.stepping.createJob(context, { gid: 'message-1' })
          await job.addStep(app.note, text).start()
        })
      await handle('first')
      await expect(handle('second')).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
      await app.noted('first')
      await app.settled()
      expect(app.notes).not.toContain('second')
      expect(await h.skus()).not.toContain('second')
    })

    test('in a managed one commits; Sequelize then rejects, because it would commit too', async () => {
      const { h, app } = await start()
      const failed = h.db.transaction(async (t) => {
        await (await place(h, app, t, 'managed')).start()
      })
      await expect(failed).rejects.toThrow('cannot be committed because it has been finished')
      await app.noted('managed')
      expect(await h.skus()).toContain('managed')
    })
  })
})

describe.each(products)('once on $name', (product) => {
  test('has its effect once, though its step is tried again', async () => {
    expectWarnings()
    const h = await openForTest(product)
    const results: unknown[] = []
    const reserve = defineStep({
      name: 'Reserve',
      backoff: { firstMs: 10 },
      async run({ once, attempt }) {
        const result = await once(h.database, async (transaction) => {
          await h.orders.create({ sku: `reserved in attempt ${attempt}` }, { transaction })
          return { attempt }
        })
        results.push(result)
        if (attempt === 1) throw new Error('after the effect')
      },
    })
    const app = await startApp({ databases: [h.database], store: h.database, steps: [reserve] })
    await app.stepping.createJob().addStep(reserve).addStep(app.note, 'reserved').start()
    await app.noted('reserved')
    expect(results).toEqual([
      { ran: true, value: { attempt: 1 } },
      { ran: false, value: { attempt: 1 } },
    ])
    expect(await h.skus()).toEqual(['reserved in attempt 1'])
  })
})
