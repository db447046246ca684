import type { PoolConfig } from 'pg'
import { describe, expect, test } from 'vitest'
import { startApp } from './app.ts'
import { openForTest, order } from './harness.ts'

/** Every value is read as this by whoever does not ask for its own types. */
const misread = { getTypeParser: () => () => 'misread' }

const settings: Record<string, PoolConfig> = {
  'own type parsers': { types: misread },
  'binary results': { binary: true } as PoolConfig,
  'a pipeline': { pipeline: true },
  'a single connection': { max: 1 },
}

describe.each(Object.entries(settings))('a pool with %s', (_name, pool) => {
  test('works like any other', async () => {
    const h = await openForTest({ pool })
    const app = await startApp({ databases: [h.database], store: h.database })
    const gid = await app.stepping.transaction(h.database, async (client, job) => {
      await order(client, 'A1')
      return job.addStep(app.note, 'done').gid
    })
    await app.noted('done')
    await expect(app.stepping.jobs.find('unknown')).resolves.toBeNull()
    const key = { gid, notAfter: Date.now() + 60_000, identity: await h.database.identity() }
    expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    await expect(h.database.barrier.resolve({ ...key, identity: 'x' })).rejects.toMatchObject({
      code: 'DATABASE_CHANGED',
    })
    await expect(app.stepping.health()).resolves.toMatchObject({})
  })
})
