import { sql } from '@stepping/sql'
import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { pg } from '../src/index.ts'
import { begun, newKey, openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

const outOfStock = new Error('out of stock')
const terminate = 'select pg_terminate_backend(pg_backend_pid())'

/** Every statement is given up after this time, be it sent or waiting. */
const impatient = { max: 1, query_timeout: 300 }

async function idle(h: Harness): Promise<void> {
  await vi.waitFor(
    async () => {
      const busy = await h.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`,
      )
      expect(busy).toEqual([])
    },
    { timeout: 10_000, interval: 50 },
  )
}

/** Cuts the connection of the client, and waits until that is known here. */
async function cut(h: Harness, client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const ended = new Promise((resolve) => client.once('end', resolve))
  await h.query('select pg_terminate_backend($1)', [rows[0]!.pid])
  await ended
}

describe('a connection that is lost', () => {
  test('rejects the transaction that uses it, and the process goes on', async () => {
    const h = await openForTest({ pool: { max: 1 } })
    const lost = h.database.transaction((client) => client.query(terminate))
    await expect(lost).rejects.toBeInstanceOf(Error)
    await expect(h.database.transaction(async () => 'reached')).resolves.toBe('reached')
  })

  test('leaves the error of the work as it is', async () => {
    const h = await openForTest({ pool: { max: 1 } })
    const lost = h.database.transaction(async (client) => {
      await client.query(terminate).catch(() => {})
      throw outOfStock
    })
    await expect(lost).rejects.toBe(outOfStock)
  })

  test('before the COMMIT was sent leaves the outcome unknown', async () => {
    const h = await openForTest()
    const lost = h.database.transaction(async (client) => {
      await order(client, 'lost')
      await cut(h, client)
    })
    await expect(lost).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    expect(await h.skus()).toEqual([])
  })

  test("refuses the context of the user's own transaction", async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    await begun(h, async (client) => {
      const context = h.database.context(client)
      await cut(h, client)
      await expect(h.database.barrier.insert(context, key)).rejects.toBeInstanceOf(Error)
      await expect(context.commit()).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('of a client that was taken before the pool was known here leaves the process alone', async () => {
    const h = await openForTest()
    const pool = new Pool({ connectionString: h.url })
    const client = await pool.connect()
    const database = pg(pool, { name: 'late' })
    await client.query('begin')
    database.context(client)
    await cut(h, client)
    client.release()
    await pool.end()
  })

  test('before BEGIN is unreachable, and its place in the pool is free again', async () => {
    const h = await openForTest({ pool: { max: 1 } })
    h.pool.on('acquire', lose)
    await expect(h.database.atomically(async () => {})).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    })
    h.pool.off('acquire', lose)
    await expect(h.database.atomically(async () => 'reached')).resolves.toBe('reached')
  })
})

describe('a statement that takes longer than query_timeout', () => {
  test('does not leave its transaction to whoever gets the connection next', async () => {
    const h = await openForTest({ pool: impatient })
    const slow = h.database.transaction(async (client) => {
      await order(client, 'slow')
      await client.query('select pg_sleep(1)')
    })
    await expect(slow).rejects.toThrow('Query read timeout')
    await idle(h)
    await h.database.run(sql`insert into orders (sku) values ('next')`)
    expect(await h.skus()).toEqual(['next'])
  })

  test('in COMMIT leaves the outcome unknown', async () => {
    const h = await openForTest({ pool: impatient })
    await h.query(`
      create function slow() returns trigger language plpgsql as
      $$ begin perform pg_sleep(2); return new; end $$`)
    await h.query(`
      create constraint trigger slow after insert on orders
      deferrable initially deferred for each row execute function slow()`)
    const slow = h.database.transaction((client) => order(client, 'slow'))
    await expect(slow).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
  })

  test('in front of COMMIT, which is then never sent, has it rolled back', async () => {
    const h = await openForTest({ pool: impatient })
    const never = h.database.transaction(async (client) => {
      await order(client, 'never')
      // oxlint-disable-next-line typescript/no-floating-promises -- it is what this is about
      client.query('select pg_sleep(0.5)').catch(() => {})
    })
    await expect(never).rejects.toMatchObject({
      code: expect.stringMatching(/^TRANSACTION_(ROLLED_BACK|OUTCOME_UNKNOWN)$/) as string,
    })
    await idle(h)
    await h.database.run(sql`insert into orders (sku) values ('next')`)
    expect(await h.skus()).toEqual(['next'])
  })
})

describe('a client that the user gives back in a transaction', () => {
  test('is not used again', async () => {
    const h = await openForTest({ pool: { max: 1 } })
    const client = await h.pool.connect()
    await client.query('begin')
    await order(client, 'forgotten')
    client.release()
    await h.database.run(sql`insert into orders (sku) values ('next')`)
    expect(await h.skus()).toEqual(['next'])
  })
})

function lose(client: PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}
