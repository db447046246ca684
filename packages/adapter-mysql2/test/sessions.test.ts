import { defineStep, unchecked } from '@stepping/core'
import { sqlJobStore } from '@stepping/self-tm'
import type { PoolOptions } from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { openPath, paths, startApp } from './app.ts'
import { committed, newKey, open, order } from './harness.ts'
import type { HarnessOptions } from './harness.ts'

/** What some session, or some pool, is set to, and what must not matter. */
const settings: Record<string, HarnessOptions> = {
  'ANSI quotes': { session: [`set sql_mode = 'ANSI_QUOTES'`] },
  'backslashes that escape nothing': { session: [`set sql_mode = 'NO_BACKSLASH_ESCAPES'`] },
  'no strict mode': { session: [`set sql_mode = ''`] },
  'every mode at once': {
    session: [
      `set sql_mode = 'ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES,ONLY_FULL_GROUP_BY,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH,NO_UNSIGNED_SUBTRACTION,HIGH_NOT_PRECEDENCE'`,
    ],
  },
  'no autocommit': { session: ['set autocommit = 0'] },
  'a collation that folds': { session: [`set names utf8mb4 collate utf8mb4_general_ci`] },
  'a connection in latin1': { pool: { charset: 'LATIN1_SWEDISH_CI' } },
  'results in latin1': { session: [`set character_set_results = latin1`] },
  'serializable transactions': {
    session: ['set session transaction isolation level serializable'],
  },
  'uncommitted reads': {
    session: ['set session transaction isolation level read uncommitted'],
  },
  'snapshots that refuse what changed after them': {
    session: [`set /*M! innodb_snapshot_isolation = 1, */ autocommit = 1`],
  },
  'another time zone': { session: [`set time_zone = '+12:45'`] },
  'big numbers as text': {
    pool: { supportBigNumbers: true, bigNumberStrings: true, decimalNumbers: true },
  },
  'rows of its own shape': { pool: { rowsAsArray: true, nestTables: '_' } },
  'dates as text': { pool: { dateStrings: true, timezone: '+05:00' } },
  'values of its own types': {
    pool: { typeCast: () => 'misread' } satisfies PoolOptions,
  },
  'values as bytes': { pool: { typeCast: false } },
  'named placeholders': { pool: { namedPlaceholders: true } },
  'counts of what changed': { pool: { flags: ['-FOUND_ROWS'] } },
  'a single connection': { pool: { connectionLimit: 1 } },
}

const text = `it's "quoted" \\ \\' :name ? \u0000 é ☃ 🦆 /* -- */ ${'x'.repeat(2_000)}`

function argsOf(form: string): { text: string; form: string } {
  return { text, form }
}

describe.each(Object.entries(settings))('with %s', (_name, options) => {
  test.each(paths)('every form works, and args come back as they were (%s)', async (path) => {
    const { h, store } = await openPath(path, (name) => open({ ...options, name }))
    const runs: unknown[] = []
    const keep = defineStep({
      name: 'Keep',
      args: unchecked<{ text: string; form: string }>(),
      async run({ args, once }) {
        const { value } = await once(h.database, async (connection) => {
          await order(connection, `once ${args.form}`)
          return args
        })
        runs.push(value)
      },
    })
    const app = await startApp({ databases: [h.database], store: store.database, steps: [keep] })
    const { stepping } = app
    // Without autocommit a session is in a transaction as soon as it reads something.
    await stepping.createJob().addStep(keep, argsOf('alone')).start()
    await stepping.transaction(h.database, async (connection, job) => {
      await order(connection, 'in a transaction')
      job.addStep(keep, argsOf('in a transaction'))
    })
    const prepared = await committed(h, async (connection) => {
      await order(connection, 'own transaction')
      const job = stepping.createJob(h.database.context(connection))
      job.addStep(keep, argsOf('own transaction'))
      await job.prepareAndInsertBarrier()
      return job
    })
    await prepared.submit()
    const connection = await h.pool.getConnection()
    await connection.beginTransaction()
    await order(connection, 'by hand')
    await stepping
      .createJob(h.database.context(connection))
      .addStep(keep, argsOf('by hand'))
      .addStep(app.note, 'last')
      .start()
    connection.release()
    await app.noted('last')
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 10_000 })
    const all = ['alone', 'in a transaction', 'own transaction', 'by hand']
    expect(runs).toHaveLength(all.length)
    expect(runs).toEqual(expect.arrayContaining(all.map(argsOf)))
    const skus = [...all.map((form) => `once ${form}`), ...all.slice(1)]
    expect(await h.skus()).toHaveLength(skus.length)
    expect(await h.skus()).toEqual(expect.arrayContaining(skus))
    await expect(stepping.jobs.find(prepared.gid)).resolves.toMatchObject({ state: 'finished' })
    const gid = `${prepared.gid}:again`
    await stepping.transaction(h.database, async (_, job) => void job.addStep(app.note, gid), {
      gid,
    })
    await expect(
      stepping.transaction(h.database, async (_, job) => void job.addStep(app.note, gid), { gid }),
    ).rejects.toMatchObject({ code: 'JOB_DUPLICATE' })
    const key = await newKey(h.database)
    expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    await expect(
      h.database.transaction((tx) => h.database.barrier.insert(h.database.context(tx), key)),
    ).rejects.toMatchObject({ code: 'BARRIER_DECIDED' })
    await h.database.prune({
      owners: ['shop'],
      over: async () => new Set(),
      active: async () => new Set(),
    })
  })

  test('a job that comes too late is not stored', async () => {
    const { h } = await openPath('outbox', (name) => open({ ...options, name }))
    const store = sqlJobStore(h.database)
    await store.migrate()
    const { gid } = await newKey(h.database)
    const late = { gid, app: 'shop', steps: [{ name: 'Keep' }], callerGid: false, byHand: false }
    await expect(store.submit({ ...late, notAfter: Date.now() - 60_000 })).rejects.toMatchObject({
      code: 'BARRIER_EXPIRED',
    })
    expect(await store.find(gid)).toBeNull()
  })
})
