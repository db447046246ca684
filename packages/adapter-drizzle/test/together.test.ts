import { sql as statement } from '@stepping/sql'
import type { SqlContext } from '@stepping/sql'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Client, Pool } from 'pg'
import type { PoolClient } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { drizzlePostgres } from '../src/index.ts'
import { nodePostgres, waitingForLock } from './harness.ts'
import type { Harness, Tx } from './harness.ts'
import { orders } from './schema.ts'
import * as schema from './schema.ts'

let h: Harness
beforeAll(async () => {
  h = await nodePostgres.open()
  await h.query('create table paid (n int unique deferrable initially deferred)')
})
afterAll(async () => await h.close())

const explained = new Error('explained')
const insertion = (sku: string) => statement`insert into orders (sku) values (${sku})`

const order = (sku: string) => async (tx: Tx) => await tx.insert(orders).values({ sku })

/** What a client was asked for, in the order of that. */
const asked: string[] = []

class Telling extends Client {
  override query(...args: unknown[]): never {
    const [query] = args as [string | { text: string }]
    asked.push(typeof query === 'string' ? query : query.text)
    return (super.query as (...all: unknown[]) => never)(...args)
  }
}

describe.each([
  { pipeline: false, prepare: false },
  { pipeline: false, prepare: true },
  { pipeline: true, prepare: true },
])('with %o, a statement that is sent with Drizzle’s COMMIT', ({ pipeline, prepare }) => {
  let pool: Pool
  let database: Harness['database']
  beforeAll(() => {
    pool = new Pool({ connectionString: h.url!, max: 1, pipeline, Client: Telling })
    pool.on('error', () => {})
    database = drizzlePostgres(drizzle(pool, { schema }), { name: 'orders', prepare })
  })
  afterAll(async () => {
    await pool.end()
    await h.query('delete from orders')
  })

  /** A transaction whose last statement places the order; resolves with its context. */
  async function placed(
    sku: string,
    work: (tx: Tx) => Promise<unknown> = async () => {},
  ): Promise<SqlContext> {
    return await database.transaction(async (tx) => {
      const context = database.context(tx)
      await work(tx)
      await context.executeLast!(insertion(sku), () => explained)
      return context
    })
  }

  test('commits with it, and proves that', async () => {
    asked.length = 0
    const context = await placed('together', order('before it'))
    expect(context.provedCommit!()).toBe(true)
    expect(await h.skus()).toEqual(['before it', 'together'])
    // Its COMMIT is in what was sent last.
    expect(asked).toEqual([
      'begin',
      expect.stringMatching(/^insert/),
      insertion('').strings.join('$1'),
    ])
  })

  test('rolls the transaction back when it fails, and says why', async () => {
    await h.query(`insert into orders (sku) values ('taken')`)
    const before = await h.skus()
    await expect(placed('taken', order('with it'))).rejects.toBe(explained)
    expect(await h.skus()).toEqual(before)
    await placed('after a failed one')
    expect(await h.skus()).toEqual([...before, 'after a failed one'])
  })

  test('does not explain what the COMMIT was refused for', async () => {
    const refused = placed('refused', (tx) => tx.execute(sql`insert into paid values (1), (1)`))
    await expect(refused).rejects.toMatchObject({ cause: { code: '23505', table: 'paid' } })
    expect(await h.skus()).not.toContain('refused')
  })

  test('does not explain what its transaction rejected with by itself', async () => {
    const outOfStock = new Error('out of stock')
    const rejected = database.transaction(async (tx) => {
      await database.context(tx).executeLast!(insertion('sold'), () => explained)
      throw outOfStock
    })
    await expect(rejected).rejects.toBe(outOfStock)
    await placed('after a rejected one')
    expect(await h.skus()).not.toContain('sold')
  })

  test('is not stored after a statement that nobody awaited and that failed', async () => {
    const unawaited = placed('unawaited', async (tx) => {
      tx.execute(sql`select 1 / 0`).catch(() => {})
      await Promise.resolve() // Drizzle sends it only now
    })
    await expect(unawaited).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await h.skus()).not.toContain('unawaited')
  })

  test.each(['rollback', 'commit'])('is not stored after a %s that nobody awaited', async (end) => {
    const ended = placed(`after ${end}`, async (tx) => {
      tx.execute(sql.raw(end)).catch(() => {})
      await Promise.resolve() // Drizzle sends it only now
    })
    await expect(ended).rejects.toMatchObject({
      code: 'TRANSACTION_UNUSABLE',
    })
    expect(await h.skus()).not.toContain(`after ${end}`)
  })

  test('is the only one of its transaction', async () => {
    const twice = placed('second', async (tx) => {
      await database.context(tx).executeLast!(insertion('first'), () => explained)
    })
    await expect(twice).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    expect(await h.skus()).not.toContain('first')
  })

  test('leaves the outcome unknown when the connection is lost meanwhile', async () => {
    await holdOrders('held')
    const lost = placed('held').catch((thrown: unknown) => thrown)
    const [pid] = await waitingForLock(h)
    await h.query('select pg_terminate_backend($1)', [pid])
    expect(await lost).toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    expect(await h.skus()).not.toContain('held')
  })
})

/** Until the test is over each COMMIT of a transaction that inserts this order waits for a lock. */
async function holdOrders(sku: string): Promise<void> {
  const holder = new Client(h.url)
  await holder.connect()
  onTestFinished(() => holder.end())
  await holder.query('select pg_advisory_lock(1)')
  await holder.query(`
    create or replace function hold() returns trigger language plpgsql as $$
    begin if new.sku = tg_argv[0] then perform pg_advisory_xact_lock(1); end if; return new; end $$;
    drop trigger if exists hold on orders;
    create constraint trigger hold after insert on orders
    deferrable initially deferred for each row execute function hold('${sku}')`)
}

test('a client is given back as it was', async () => {
  const pool = new Pool({ connectionString: h.url!, max: 1 })
  onTestFinished(() => pool.end())
  const database = drizzlePostgres(drizzle(pool, { schema }), { name: 'orders' })
  await database.transaction(async (tx) => {
    await database.context(tx).executeLast!(insertion('of its own'), () => explained)
  })
  const client = await pool.connect()
  expect(Object.hasOwn(client, 'query')).toBe(false)
  client.release()
  await drizzle(pool, { schema }).transaction((tx) =>
    tx.insert(orders).values({ sku: 'of the next one' }),
  )
  expect(await h.skus()).toEqual(['of its own', 'of the next one'])
})

test('a pool may hand out something around its clients', async () => {
  const pool = new Pool({ connectionString: h.url!, max: 1 })
  onTestFinished(() => pool.end())
  const traced: unknown[] = []
  const connect = pool.connect.bind(pool) as () => Promise<PoolClient>
  pool.connect = (async () => {
    const client = await connect()
    return new Proxy(client, {
      get(target, name) {
        if (name !== 'query') return Reflect.get(target, name) as unknown
        return (...args: Parameters<PoolClient['query']>) => {
          traced.push(args[0])
          return target.query(...args)
        }
      },
    })
  }) as Pool['connect']
  const database = drizzlePostgres(drizzle(pool, { schema }), { name: 'orders' })
  await database.identity()
  await database.transaction(async (tx) => {
    await database.context(tx).executeLast!(insertion('traced'), () => explained)
  })
  expect(await h.skus()).toContain('traced')
  expect(traced.length).toBeGreaterThanOrEqual(2)
})
