import { defineStep } from '@stepping/core'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openJobs, openPath, startApp } from './app.ts'
import type { App, Path } from './app.ts'
import { drivers, nodePostgres, pglite, serverDrivers } from './harness.ts'
import type { Driver, Harness } from './harness.ts'
import { orders } from './schema.ts'

const paths: readonly Path[] = ['outbox', 'two phases']
const combinations = drivers.flatMap((driver) => paths.map((path) => ({ driver, path })))

describe.each(combinations.map((each) => [each.driver.name, each.path, each] as const))(
  "a gid of the caller's own over %s, %s,",
  (_driver, _path, { driver, path }: { driver: Driver; path: Path }) => {
    let opened: Awaited<ReturnType<typeof openPath>>
    let h: Harness
    beforeAll(async () => {
      opened = await openPath(driver, path)
      h = opened.h
    })
    afterAll(async () => {
      await opened.close()
    })

    async function start(): Promise<App> {
      return await startApp({ databases: [h.database], store: opened.store.database })
    }

    /** Handles a message, whose id is the gid. */
    async function handle(app: App, gid: string, text: string): Promise<void> {
      await app.stepping.transaction(
        h.database,
        async (tx, job) => {
          await tx.insert(orders).values({ sku: text })
          job.addStep(app.note, text)
        },
        { gid },
      )
    }

    test('is a job only once, also after that is done', async () => {
      const app = await start()
      await handle(app, 'message-1', 'first')
      await expect(handle(app, 'message-1', 'second')).rejects.toMatchObject({
        code: 'JOB_DUPLICATE',
        gid: 'message-1',
      })
      await app.noted('first')
      await app.settled()
      await expect(handle(app, 'message-1', 'third')).rejects.toMatchObject({
        code: 'JOB_DUPLICATE',
      })
      await app.settled()
      expect(app.notes).not.toContain('second')
      expect(app.notes).not.toContain('third')
      const skus = await h.skus()
      expect(skus).not.toContain('second')
      expect(skus).not.toContain('third')
    })

    test('is kept in the barrier, which outlives the job', async () => {
      const app = await start()
      await handle(app, 'message-4', 'kept')
      await app.noted('kept')
      expect(await h.barrier('message-4')).toMatchObject([{ reason: 'msg' }])
    })

    test('is a message handled once, also when that adds no step', async () => {
      const app = await start()
      const ignore = async (sku: string): Promise<void> =>
        await app.stepping.transaction(
          h.database,
          async (tx) => void (await tx.insert(orders).values({ sku })),
          { gid: 'message-5' },
        )
      await ignore('ignored')
      await expect(ignore('ignored again')).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
      await expect(handle(app, 'message-5', 'too late')).rejects.toMatchObject({
        code: 'JOB_DUPLICATE',
      })
      await app.settled()
      expect(app.notes).not.toContain('too late')
      expect(await h.skus()).toContain('ignored')
      expect(await h.skus()).not.toContain('ignored again')
      expect(await openJobs(opened.store)).not.toContain('message-5')
    })

    test('is free again when the transaction that had it was rolled back', async () => {
      const app = await start()
      const stop = new Error('stop')
      const failed = app.stepping.transaction(
        h.database,
        async (_tx, job) => {
          job.addStep(app.note, 'rolled back')
          throw stop
        },
        { gid: 'message-2' },
      )
      await expect(failed).rejects.toBe(stop)
      await handle(app, 'message-2', 'again')
      await app.noted('again')
    })

    test('is a job only once without a transaction too', async () => {
      const app = await start()
      const create = () => app.stepping.createJob({ gid: 'message-3' }).addStep(app.note, 'alone')
      await create().start()
      await expect(create().start()).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
      await app.noted('alone')
      await app.settled()
      expect(app.notes.filter((text) => text === 'alone')).toHaveLength(1)
    })
  },
)

describe.each(drivers)('over $name,', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
  })
  afterAll(async () => {
    await h.close()
  })

  test('a transaction inside a transaction is refused', async () => {
    const { stepping } = await startApp({ databases: [h.database], store: h.database })
    const nested = stepping.transaction(h.database, async () => {
      await stepping.transaction(h.database, async () => {})
    })
    await expect(nested).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
  })

  test('an independent transaction inside another commits by itself, given a second connection', async () => {
    const { stepping } = await startApp({ databases: [h.database], store: h.database })
    const stop = new Error('stop')
    let inner: unknown
    const outer = stepping.transaction(h.database, async () => {
      inner = await stepping
        .transaction(
          h.database,
          async (tx) => {
            await tx.insert(orders).values({ sku: 'independent' })
          },
          { independent: true },
        )
        .then(
          () => 'committed',
          (error: { code: string }) => error.code,
        )
      throw stop
    })
    await expect(outer).rejects.toBe(stop)
    const committed = driver !== pglite
    expect(inner).toBe(committed ? 'committed' : 'TRANSACTION_NESTED')
    expect((await h.skus()).includes('independent')).toBe(committed)
  })

  test('a transaction that the server rolled back rejects, and its job never runs', async () => {
    const app = await startApp({ databases: [h.database], store: h.database })
    const failed = app.stepping.transaction(h.database, async (tx, job) => {
      job.addStep(app.note, 'ghost')
      await tx.execute(sql`select 1 / 0`).catch(() => {})
    })
    await expect(failed).rejects.toBeInstanceOf(Error)
    await app.settled()
    expect(app.notes).not.toContain('ghost')
  })

  test('once has its effect once, though its step is tried again', async () => {
    const results: unknown[] = []
    const reserve = defineStep({
      name: 'Reserve',
      backoff: { firstMs: 10 },
      async run({ once, attempt }) {
        const result = await once(h.database, async (tx) => {
          await tx.insert(orders).values({ sku: `reserved in attempt ${attempt}` })
          return { attempt }
        })
        results.push(result)
        if (attempt === 1) throw new Error('after the effect')
      },
    })
    const app = await startApp({
      databases: [h.database],
      store: h.database,
      steps: [reserve],
    })
    await app.stepping.createJob().addStep(reserve).addStep(app.note, 'reserved').start()
    await app.noted('reserved')
    expect(results).toEqual([
      { ran: true, value: { attempt: 1 } },
      { ran: false, value: { attempt: 1 } },
    ])
    const reserved = (await h.skus()).filter((sku) => String(sku).startsWith('reserved'))
    expect(reserved).toEqual(['reserved in attempt 1'])
  })
})

describe('a job beside an open transaction', () => {
  test('over PGlite is refused, where it would wait for ever', async () => {
    const h = await pglite.open()
    onTestFinished(() => h.close())
    const { stepping, note } = await startApp({ databases: [h.database], store: h.database })
    const started = stepping.transaction(h.database, async () => {
      await stepping.createJob().addStep(note, 'beside').start()
    })
    await expect(started).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
  })

  test.each(serverDrivers)(
    'over $name is refused: it would run though that rolls back',
    async (driver) => {
      const h = await driver.open()
      onTestFinished(() => h.close())
      const { stepping, note } = await startApp({ databases: [h.database], store: h.database })
      const started = stepping.transaction(h.database, async () => {
        await stepping.createJob().addStep(note, 'beside').start()
      })
      await expect(started).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
    },
  )

  test.each(serverDrivers)(
    'over $name is done, whatever becomes of that, when it is called independent',
    async (driver) => {
      const h = await driver.open()
      onTestFinished(() => h.close())
      const app = await startApp({ databases: [h.database], store: h.database })
      const stop = new Error('stop')
      const failed = app.stepping.transaction(h.database, async () => {
        await app.stepping.createJob({ independent: true }).addStep(app.note, 'beside').start()
        throw stop
      })
      await expect(failed).rejects.toBe(stop)
      await app.noted('beside')
    },
  )

  test('over PGlite cannot be looked at, where that would wait for ever', async () => {
    const h = await pglite.open()
    onTestFinished(() => h.close())
    const { stepping } = await startApp({ databases: [h.database], store: h.database })
    const looked = stepping.transaction(h.database, async () => await stepping.jobs.find('g1'))
    await expect(looked).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
  })
})

describe('a database that is not registered', () => {
  test('is refused before anything is sent to it', async () => {
    const h = await nodePostgres.open({ migrated: false })
    onTestFinished(() => h.close())
    const { stepping } = await startApp({ databases: [], store: h.database })
    const stranger = h.over({ name: 'stranger' })
    const refused = stepping.transaction(stranger, async () => {})
    await expect(refused).rejects.toMatchObject({ code: 'DATABASE_NOT_REGISTERED' })
  })
})
