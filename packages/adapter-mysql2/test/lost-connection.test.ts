import { sql } from '@stepping/sql'
import { startMariadb, freshMysqlDatabase } from '@stepping/test-support'
import type { PoolConnection } from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { startApp } from './app.ts'
import { begun, newKey, open, openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

const outOfStock = new Error('out of stock')

/** Cuts the connection, and waits until that is known here. */
async function cut(h: Harness, connection: PoolConnection): Promise<void> {
  const lost = new Promise((resolve) => connection.connection.once('error', resolve))
  await h.query(`kill ${connection.threadId}`)
  await lost
}

/** Whoever gives the connection back without a COMMIT. */
async function leave(h: Harness): Promise<void> {
  const connection = await h.pool.getConnection()
  await connection.beginTransaction()
  await order(connection, 'left behind')
  connection.release()
}

describe('a connection that is lost', () => {
  test('rejects the transaction that uses it, and the process goes on', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    const lost = h.database.transaction(async (connection) => {
      await cut(h, connection)
      await connection.query('select 1')
    })
    await expect(lost).rejects.toBeInstanceOf(Error)
    await expect(h.database.transaction(async () => 'reached')).resolves.toBe('reached')
  })

  test('leaves the error of the work as it is', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    const lost = h.database.transaction(async (connection) => {
      await cut(h, connection)
      throw outOfStock
    })
    await expect(lost).rejects.toBe(outOfStock)
  })

  test('before the COMMIT stores nothing', async () => {
    const h = await openForTest()
    const lost = h.database.transaction(async (connection) => {
      await order(connection, 'lost')
      await cut(h, connection)
    })
    await expect(lost).rejects.toBeInstanceOf(Error)
    expect(await h.skus()).toEqual([])
  })

  test('after the barrier and before the COMMIT leaves the outcome to the barrier', async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    const lost = h.database.transaction(async (connection) => {
      await h.database.barrier.insert(h.database.context(connection), key)
      await cut(h, connection)
    })
    await expect(lost).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    await vi.waitFor(async () => {
      expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
    })
  })

  test("refuses the context of the user's own transaction", async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    await begun(h, async (connection) => {
      const context = h.database.context(connection)
      await cut(h, connection)
      await expect(h.database.barrier.insert(context, key)).rejects.toMatchObject({
        code: 'TRANSACTION_UNUSABLE',
      })
      await expect(context.commit()).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('while a question is asked is unreachable, and the next one is answered', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    const slow = h.database.run(sql`select sleep(30)`)
    slow.catch(() => {}) // looked at below
    await vi.waitFor(async () => {
      const [sleeper] = await h.query(
        `select id as id from information_schema.processlist where info like 'select sleep(30)%'`,
      )
      await h.query(`kill ${Number(sleeper!['id'])}`)
    })
    await expect(slow).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    await expect(h.database.run(sql`select 1 as one`)).resolves.toMatchObject({
      rows: [{ one: 1 }],
    })
  })
})

describe('a transaction that somebody left open on a connection', () => {
  test('does not take in what this library writes next', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    await leave(h)
    await h.database.run(sql`insert into orders (sku) values ('next')`)
    expect(await h.skus()).toEqual(['next'])
  })

  test('does not swallow a job', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    const app = await startApp({ databases: [h.database], store: h.database })
    await leave(h)
    await app.stepping.createJob().addStep(app.note, 'not swallowed').start()
    await app.noted('not swallowed')
  })

  test('does not show this library what was there when it began', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    await h.database.run(sql`select 1`)
    const connection = await h.pool.getConnection()
    await connection.query('start transaction with consistent snapshot')
    connection.release()
    await h.query(`insert into orders (sku) values ('after it began')`)
    const read = sql`select sku from orders`
    expect((await h.database.run(read)).rows).toEqual([{ sku: 'after it began' }])
  })

  test('does not begin again with the end of each, where the session is set to that', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    const app = await startApp({ databases: [h.database], store: h.database })
    const connection = await h.pool.getConnection()
    await connection.query(`set completion_type = 'CHAIN'`)
    await connection.beginTransaction()
    await connection.commit()
    connection.release()
    await app.stepping.createJob().addStep(app.note, 'not chained').start()
    await app.noted('not chained')
  })
})

test('a session that somebody set to commit nothing by itself commits what this library writes', async () => {
  const h = await openForTest({ pool: { connectionLimit: 1 } })
  await h.database.run(sql`insert into orders (sku) values ('before')`)
  const connection = await h.pool.getConnection()
  await connection.query('set autocommit = 0')
  connection.release()
  await h.database.run(sql`insert into orders (sku) values ('after')`)
  expect(await h.skus()).toEqual(['before', 'after'])
})

describe('a connection that a transaction could not end', () => {
  test('is not used again', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    let used: number | null = null
    const failed = h.database.transaction(async (connection) => {
      used = connection.threadId
      await order(connection, 'stuck')
      // A ROLLBACK that does not get through, though the connection is there.
      connection.connection.query = () => {
        throw outOfStock
      }
      throw outOfStock
    })
    await expect(failed).rejects.toBe(outOfStock)
    await h.database.transaction(async (connection) => {
      expect(connection.threadId).not.toBe(used)
    })
    expect(await h.skus()).toEqual([])
  })

  test('does not keep its place in the pool', async () => {
    const h = await openForTest({ pool: { connectionLimit: 1 } })
    for (let i = 0; i < 5; i++) {
      const lost = h.database.transaction((connection) => cut(h, connection))
      await lost.catch(() => {})
    }
    await expect(h.database.transaction(async () => 'reached')).resolves.toBe('reached')
  })
})

test('an outage ends no process and loses no job', async () => {
  await using server = await startMariadb({ durable: true })
  const fresh = await freshMysqlDatabase(server.url)
  const h = await open({ url: fresh.url })
  const app = await startApp({ databases: [h.database], store: h.database })
  await app.stepping.transaction(h.database, async (connection, job) => {
    await order(connection, 'before')
    job.addStep(app.note, 'before')
  })
  await app.noted('before')
  await server.kill()
  const during = app.stepping.transaction(h.database, async (connection, job) => {
    await order(connection, 'during')
    job.addStep(app.note, 'during')
  })
  await expect(during).rejects.toBeInstanceOf(Error)
  await vi.waitFor(() => {
    expect(app.events.some((event) => event.type === 'store.failed')).toBe(true)
  })
  await server.start()
  await vi.waitFor(
    () => expect(app.events.some((event) => event.type === 'store.recovered')).toBe(true),
    { timeout: 10_000 },
  )
  await app.stepping.transaction(h.database, async (connection, job) => {
    await order(connection, 'after')
    job.addStep(app.note, 'after')
  })
  await app.noted('after')
  expect(await h.skus()).toEqual(['before', 'after'])
  await app.stepping.close()
  await h.close()
})
