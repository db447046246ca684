import { setTimeout as delay } from 'node:timers/promises'
import { sql } from '@stepping/sql'
import type { CommittableSqlContext } from '@stepping/sql'
import type { PoolClient } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PgTransactionOptions } from '../src/index.ts'
import { holdCommit, open, openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

const explained = new Error('explained')

describe.each([
  { pipeline: false, prepare: false },
  { pipeline: true, prepare: false },
  { pipeline: true, prepare: true },
])('with %o, a statement that is sent with COMMIT', ({ pipeline, prepare }) => {
  let h: Harness
  beforeAll(async () => {
    h = await open({ prepare, pool: { max: 1, pipeline } })
    await h.query('create table paid (n int unique deferrable initially deferred)')
  })
  afterAll(async () => {
    await h.close()
  })

  /** A transaction whose last statement places the order; resolves with its context. */
  async function placed(
    sku: string,
    work: (client: PoolClient) => Promise<unknown> = async () => {},
  ): Promise<CommittableSqlContext> {
    return await h.database.transaction(async (client) => {
      const context = h.database.context(client)
      await work(client)
      await context.executeLast!(sql`insert into orders (sku) values (${sku})`, () => explained)
      return context
    })
  }

  test('commits with it, and proves that', async () => {
    const context = await placed('together', (client) => order(client, 'before it'))
    expect(context.provedCommit!()).toBe(true)
    expect(await h.skus()).toEqual(['before it', 'together'])
  })

  test('commits with nothing before it', async () => {
    await placed('alone')
    expect(await h.skus()).toContain('alone')
  })

  test('rolls the transaction back when it fails, and says why', async () => {
    await order(h.pool, 'taken')
    const before = await h.skus()
    await expect(placed('taken', (client) => order(client, 'with it'))).rejects.toBe(explained)
    expect(await h.skus()).toEqual(before)
    await placed('after a failed one')
    expect(await h.skus()).toEqual([...before, 'after a failed one'])
  })

  test('does not explain what the COMMIT was refused for', async () => {
    const refused = placed('refused', (client) => client.query('insert into paid values (1), (1)'))
    await expect(refused).rejects.toMatchObject({ code: '23505', table: 'paid' })
    expect(await h.skus()).not.toContain('refused')
  })

  test('is not stored after a statement whose error was swallowed', async () => {
    const swallowed = placed('swallowed', (client) => client.query('select 1 / 0').catch(() => {}))
    // The client may know already that the transaction failed.
    const code = expect.stringMatching(/^TRANSACTION_(ROLLED_BACK|UNUSABLE)$/) as string
    await expect(swallowed).rejects.toMatchObject({ code })
    expect(await h.skus()).not.toContain('swallowed')
  })

  test('is not stored after a statement that nobody awaited and that failed', async () => {
    const unawaited = placed('unawaited', async (client) => {
      client.query('select 1 / 0').catch(() => {})
    })
    await expect(unawaited).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await h.skus()).not.toContain('unawaited')
  })

  test.each(['rollback', 'commit'])('is not stored after a %s that nobody awaited', async (end) => {
    const ended = placed(`after ${end}`, async (client) => {
      client.query(end).catch(() => {})
    })
    await expect(ended).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    expect(await h.skus()).not.toContain(`after ${end}`)
  })

  test('leaves the outcome unknown when the connection is lost meanwhile', async () => {
    const wide = await openForTest({ url: h.url, prepare, pool: { max: 2, pipeline } })
    const held = await holdCommit(wide, 'held')
    const lost = wide.database.transaction(async (client) => {
      const context = wide.database.context(client)
      await context.executeLast!(sql`insert into orders (sku) values ('held')`, () => explained)
    })
    const [error] = await Promise.all([lost.catch((thrown: unknown) => thrown), held.terminate()])
    expect(error).toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    expect(await h.skus()).not.toContain('held')
  })
})

async function insertWithoutParameters(client: PoolClient): Promise<void> {
  await client.query(`insert into orders (sku) values ('by itself')`)
}

test('a COMMIT that was refused before it was ever prepared is prepared for the next transaction', async () => {
  const h = await openForTest({ prepare: true, pool: { max: 1 } })
  await h.query('create table paid (n int unique deferrable initially deferred)')
  const place = (sku: string, values: string): Promise<void> =>
    h.database.transaction(async (client) => {
      await client.query(`insert into paid values ${values}`)
      const context = h.database.context(client)
      await context.executeLast!(sql`insert into orders (sku) values (${sku})`, () => explained)
    })
  await expect(place('refused', '(1), (1)')).rejects.toMatchObject({ code: '23505', table: 'paid' })
  await place('next', '(2)')
  await place('after that', '(3)')
  expect(await h.skus()).toEqual(['next', 'after that'])
})

test('in a pipeline whose answers have a time limit that is not up before anything was asked', async () => {
  const h = await openForTest({ pool: { max: 1, pipeline: true, query_timeout: 200 } })
  await h.database.transaction(async (client) => {
    await delay(400)
    await order(client, 'late')
  })
  expect(await h.skus()).toEqual(['late'])
})

describe('a BEGIN that is refused', () => {
  const refused = { isolationLevel: 'nonsense' } as unknown as PgTransactionOptions

  test.each([false, true])(
    'with pipeline: %s, has nothing of its work stored',
    async (pipeline) => {
      const h = await openForTest({ pool: { max: 1, pipeline } })
      const begun = h.database.transaction((client) => order(client, 'by itself'), refused)
      await expect(begun).rejects.toMatchObject({ code: '42601' })
      await h.database.transaction((client) => order(client, 'next'))
      expect(await h.skus()).toEqual(['next'])
    },
  )

  test('in a pipeline skips a statement without parameters, too', async () => {
    const h = await openForTest({ pool: { max: 1, pipeline: true } })
    const begun = h.database.transaction(insertWithoutParameters, refused)
    await expect(begun).rejects.toMatchObject({ code: '42601' })
    expect(await h.skus()).toEqual([])
  })
})

test('a transaction of a pipeline whose work rejects before it sends anything is rolled back', async () => {
  const h = await openForTest({ pool: { max: 1, pipeline: true } })
  const outOfStock = new Error('out of stock')
  await expect(h.database.transaction(() => Promise.reject(outOfStock))).rejects.toBe(outOfStock)
  await h.database.transaction(async () => {})
  await h.database.transaction((client) => order(client, 'next'))
  expect(await h.skus()).toEqual(['next'])
  expect(h.pool.totalCount).toBe(1)
})
