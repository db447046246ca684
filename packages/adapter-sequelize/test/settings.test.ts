import { Transaction } from 'sequelize'
import type { Options } from 'sequelize'
import { describe, expect, test, vi } from 'vitest'
import { startApp } from '../../adapter-pg/test/app.ts'
import { begun, openForTest, products } from './harness.ts'

/** What text may hold that a library could take for something of its own. */
const odd = `$1 $$ :name ? ?? \\ ' " \` \u2028 ☃ {"a":1} -- /* */ %s`

const settings: Record<string, Options> = {
  'options for all queries': {
    query: { raw: false, nest: true, plain: true, type: 'INSERT' },
  },
  'minified aliases': { minifyAliases: true },
  'identifiers without quotes': { quoteIdentifiers: false },
  benchmarks: { benchmark: true },
  'retries of everything': { retry: { max: 3, match: [/./] } },
  'its own transaction options': {
    isolationLevel: Transaction.ISOLATION_LEVELS.SERIALIZABLE,
  },
  'one connection': { pool: { max: 1 } },
  hooks: {
    hooks: {
      beforeQuery: (options) => void Object.assign(options, { plain: true }),
    },
  },
}

describe.each(products)('on $name, an instance with', (product) => {
  test.each(Object.entries(settings))('%s works like any other', async (_name, config) => {
    const h = await openForTest(product, { config })
    const app = await startApp({ databases: [h.database], store: h.database })
    const gid = await app.stepping.transaction(h.database, async (_transaction, job) => {
      return job.addStep(app.note, odd).gid
    })
    await app.noted(odd)
    await expect(app.stepping.jobs.find('unknown')).resolves.toBeNull()
    const key = { gid, notAfter: Date.now() + 60_000, identity: await h.database.identity() }
    expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
  })
})

describe.each(products)("on $name, Sequelize's log", (product) => {
  test('has neither the statements of this library nor their values', async () => {
    const logged: string[] = []
    const config: Options = { logging: (text) => logged.push(text), logQueryParameters: true }
    const h = await openForTest(product, { config })
    const app = await startApp({ databases: [h.database], store: h.database })
    logged.length = 0
    await app.stepping.transaction(h.database, async (transaction, job) => {
      await h.orders.create({ sku: 'A1' }, { transaction })
      job.addStep(app.note, 'hunter2')
    })
    await begun(h, async (t) => {
      const job = app.stepping.createJob(h.database.context(t)).addStep(app.note, 'hunter2')
      await job.start()
    })
    await vi.waitFor(() => expect(app.notes).toHaveLength(2))
    await app.stepping.close()
    const all = logged.join('\n')
    expect(all).toContain('A1') // the user's own statements are there
    expect(all).not.toMatch(/hunter2|stepping/)
  })
})
