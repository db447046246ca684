import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startApp } from './app.ts'
import type { Path } from './app.ts'
import { libsqlFile, notes, openMigrated, sqliteDrivers } from './sqlite-drivers.ts'
import type { OpenSqlite, SqliteDriver, TestDatabase } from './sqlite-drivers.ts'

const paths: readonly Path[] = ['outbox', 'two phases']
const combinations = sqliteDrivers.flatMap((driver) =>
  paths.map((path) => ({ name: driver.name, path, driver })),
)

type Opened = OpenSqlite & { database: TestDatabase }

/** The database of the data, and an app whose jobs are there or in another one. */
async function open(driver: SqliteDriver, path: Path) {
  const h: Opened = await openMigrated(driver)
  const store = path === 'outbox' ? h.database : (await openMigrated(driver)).over({ name: 'jobs' })
  return { h, app: await startApp({ databases: [h.database], store }) }
}

describe.each(combinations)('over $name, $path', ({ driver, path }) => {
  test('the steps of a committed transaction run, also those of many at once', async () => {
    const { h, app } = await open(driver, path)
    const texts = Array.from({ length: 12 }, (_, i) => `note ${String(i).padStart(2, '0')}`)
    await Promise.all(
      texts.map((text) =>
        app.stepping.transaction(h.database, async (tx, job) => {
          await tx.insert(notes).values({ text })
          job.addStep(app.note, text)
        }),
      ),
    )
    for (const text of texts) await app.noted(text)
    expect(await h.notes()).toEqual(texts)
    expect(app.notes.toSorted()).toEqual(texts)
  })

  test('the steps of a rolled-back transaction do not run', async () => {
    const { h, app } = await open(driver, path)
    const rolledBack = app.stepping.transaction(h.database, async (tx, job) => {
      await tx.insert(notes).values({ text: 'undone' })
      job.addStep(app.note, 'undone')
      throw new Error('changed my mind')
    })
    await expect(rolledBack).rejects.toThrow('changed my mind')
    await app.settled()
    expect(await h.notes()).toEqual([])
    expect(app.notes).not.toContain('undone')
  })

  test('a gid of the caller makes one job', async () => {
    const { h, app } = await open(driver, path)
    const handle = async (): Promise<void> => {
      await app.stepping.transaction(
        h.database,
        async (tx, job) => {
          await tx.insert(notes).values({ text: crypto.randomUUID() })
          job.addStep(app.note, 'handled')
        },
        { gid: 'message-1' },
      )
    }
    await handle()
    await expect(handle()).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
    await app.noted('handled')
    await app.settled()
    expect(await h.notes()).toHaveLength(1)
    expect(app.notes.filter((text) => text === 'handled')).toHaveLength(1)
  })

  test('the worker goes on while a transaction is open for longer than a step takes', async () => {
    const { h, app } = await open(driver, path)
    await app.stepping.transaction(h.database, async (tx, job) => {
      await tx.insert(notes).values({ text: 'long' })
      job.addStep(app.note, 'long')
      await delay(300)
    })
    await app.noted('long')
  })
})

describe('over a libSQL file, in a transaction of the app’s own', () => {
  test.each(paths)('the steps run after the commit, %s', async (path) => {
    const { h, app } = await open(libsqlFile, path)
    const job = await h.db.transaction(async (tx) => {
      await tx.insert(notes).values({ text: 'own' })
      const tied = app.stepping.createJob(h.database.context(tx)).addStep(app.note, 'own')
      await tied.prepareAndInsertBarrier()
      return tied
    })
    expect(await job.submit()).toMatchObject({ submitted: true })
    await app.noted('own')
    expect(await h.notes()).toEqual(['own'])
  })

  test.each(paths)(
    'submit is refused while it is open, and when it rolled back, %s',
    async (path) => {
      const { h, app } = await open(libsqlFile, path)
      let job: { submit(): Promise<unknown> } | undefined
      const rolledBack = h.db.transaction(async (tx) => {
        const tied = app.stepping.createJob(h.database.context(tx)).addStep(app.note, 'undone')
        await tied.prepareAndInsertBarrier()
        await expect(tied.submit()).rejects.toMatchObject({ code: 'TRANSACTION_NOT_COMMITTED' })
        job = tied
        throw new Error('changed my mind')
      })
      await expect(rolledBack).rejects.toThrow('changed my mind')
      await expect(job!.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
      await app.settled()
      expect(app.notes).not.toContain('undone')
    },
  )
})
