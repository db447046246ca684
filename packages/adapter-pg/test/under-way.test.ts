import type { PoolClient } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { newKey, open } from './harness.ts'
import type { Harness } from './harness.ts'

/**
 * Sends one statement after another on this client, in ten lanes, so that there is always one under way. They end
 * with the test.
 */
function keepSending(client: PoolClient): void {
  const over = new AbortController()
  onTestFinished(() => over.abort())
  for (let lane = 0; lane < 10; lane++) {
    void (async () => {
      while (!over.signal.aborted) await client.query('select pg_sleep(0.001)').catch(() => {})
    })()
  }
}

describe.each([false, true])('with pipeline: %s, while statements are under way', (pipeline) => {
  let h: Harness
  beforeAll(async () => {
    h = await open({ pool: { pipeline } })
  })
  afterAll(() => h.close())

  test('a transaction takes many barrier rows at once', { timeout: 20_000 }, async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => newKey(h.database)))
    await h.database.transaction(async (client) => {
      const slow = client.query('select pg_sleep(0.05)')
      const inserted = keys.map((key) => h.database.barrier.insert(h.database.context(client), key))
      await Promise.all([slow, ...inserted])
    })
    for (const { gid } of keys) expect(await h.barrier(gid)).toHaveLength(1)
  })
})

describe('while statements go on that nobody awaits', () => {
  let h: Harness
  let pipelined: Harness
  beforeAll(async () => {
    h = await open()
    pipelined = await open({ url: h.url, pool: { pipeline: true } })
  })
  afterAll(async () => {
    await pipelined.close()
    await h.close()
  })

  test.each([
    { what: 'takes a barrier row', last: false },
    { what: 'commits, with a row that is sent with COMMIT', last: true },
  ])('a transaction $what', async ({ last }) => {
    const key = await newKey(h.database)
    await h.database.transaction(async (client) => {
      keepSending(client)
      await h.database.barrier.insert(h.database.context(client), key, 'msg', last)
    })
    expect(await h.barrier(key.gid)).toHaveLength(1)
  })

  test('a pipeline, which sends at once, refuses the row after a while', async () => {
    const { database } = pipelined
    const key = await newKey(database)
    const refused = database.transaction(async (client) => {
      keepSending(client)
      await database.barrier.insert(database.context(client), key)
    })
    await expect(refused).rejects.toThrow('one statement after another')
    expect(await h.barrier(key.gid)).toEqual([])
  })
})
