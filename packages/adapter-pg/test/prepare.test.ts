import { describe, expect, onTestFinished, test } from 'vitest'
import { startApp } from './app.ts'
import { pg } from '../src/index.ts'
import { openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

/** The names of what is prepared on the connections that are idle now. */
async function prepared({ pool }: Harness): Promise<string[]> {
  const clients = await Promise.all(Array.from({ length: pool.idleCount }, () => pool.connect()))
  onTestFinished(() => clients.forEach((client) => client.release()))
  const found = await Promise.all(
    clients.map((client) =>
      client.query<{ name: string }>('select name from pg_prepared_statements'),
    ),
  )
  return found.flatMap(({ rows }) => rows.map((row) => row.name))
}

/** A job in a transaction of the adapter's, done. */
async function place(h: Harness): Promise<void> {
  const app = await startApp({ databases: [h.database], store: h.database })
  for (const sku of ['first', 'second', 'third']) {
    await app.stepping.transaction(h.database, async (client, job) => {
      await order(client, sku)
      job.addStep(app.note, sku)
    })
    await app.noted(sku)
  }
  await app.stepping.close()
}

describe('by default', () => {
  test('nothing is prepared: a pooler in transaction mode may not keep it', async () => {
    const h = await openForTest()
    await place(h)
    expect(await prepared(h)).toEqual([])
  })
})

describe('with prepare', () => {
  test("each connection prepares this library's statements, and not the user's", async () => {
    const h = await openForTest({ prepare: true })
    await place(h)
    const names = await prepared(h)
    expect(names.length).toBeGreaterThan(0)
    expect(names.every((name) => name.startsWith('stepping_'))).toBe(true)
  })

  test('two databases of one pool share what is prepared, whatever their schemas', async () => {
    const h = await openForTest({ prepare: true, pool: { max: 1 } })
    await place(h)
    const other = pg(h.pool, { name: 'other', schema: 'elsewhere', prepare: true })
    const same = pg(h.pool, { name: 'same', prepare: true })
    await other.migrate()
    for (const database of [h.database, other, same]) {
      const key = { gid: 'g', notAfter: Date.now() + 1_000, identity: await database.identity() }
      expect(await database.barrier.resolve(key)).toBe('rolledBack')
    }
    const names = await prepared(h)
    expect(new Set(names).size).toBe(names.length)
  })

  test('a pipeline takes them as well', async () => {
    const h = await openForTest({ prepare: true, pool: { pipeline: true } })
    await place(h)
    expect(await h.skus()).toEqual(['first', 'second', 'third'])
  })
})
