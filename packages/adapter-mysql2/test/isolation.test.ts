import type { OnceKey } from '@stepping/core'
import { sql } from '@stepping/sql'
import { toLiteralText } from '@stepping/sql/mysql'
import type { RowDataPacket } from 'mysql2/promise'
import { shownByInnodb } from '@stepping/test-support'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begun, newKey, open, openForTest, order } from './harness.ts'
import type { Harness } from './harness.ts'

const levels = ['read committed', 'repeatable read', 'serializable'] as const

describe.each(levels)('a transaction at %s', (isolationLevel) => {
  let h: Harness
  beforeAll(async () => {
    h = await open()
  })
  afterAll(() => h.close())

  test('finds what was decided after its snapshot', async () => {
    const key = await newKey(h.database)
    const sku = `late at ${isolationLevel}`
    const late = h.database.transaction(
      async (connection) => {
        await connection.query('select count(*) from orders')
        await order(connection, sku)
        expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
        await h.database.barrier.insert(h.database.context(connection), key)
      },
      { isolationLevel },
    )
    await expect(late).rejects.toMatchObject({ code: 'BARRIER_DECIDED', gid: key.gid })
    expect(await h.skus()).not.toContain(sku)
  })

  test('finds the gid that another one committed after its snapshot', async () => {
    const key = await newKey(h.database)
    const second = h.database.transaction(
      async (connection) => {
        await connection.query('select count(*) from orders')
        await h.database.transaction((first) =>
          h.database.barrier.insert(h.database.context(first), key),
        )
        await h.database.barrier.insert(h.database.context(connection), key)
      },
      { isolationLevel },
    )
    await expect(second).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid: key.gid })
  })

  test('finds what once stored after its snapshot', async () => {
    const { gid, notAfter } = await newKey(h.database)
    const key: OnceKey = { gid, notAfter, index: 0, key: '', owner: 'shop' }
    const taken = await h.database.transaction(
      async (connection) => {
        await connection.query('select count(*) from orders')
        await h.database.transaction(async (first) => {
          const context = h.database.context(first)
          await h.database.once.take(context, key)
          await h.database.once.store(context, key, '"stored"')
        })
        return await h.database.once.take(h.database.context(connection), key)
      },
      { isolationLevel },
    )
    expect(taken).toEqual({ value: '"stored"' })
  })

  test('of this library’s own is at READ COMMITTED all the same', async () => {
    const set = await openForTest({
      url: h.url,
      session: [`set session transaction isolation level ${isolationLevel}`],
    })
    const level = await set.database.atomically(async (execute) => {
      await execute(sql`select count(*) from orders`)
      return await levelOf(async () => (await execute(ownLevel)).rows)
    })
    expect(level).toBe('READ COMMITTED')
  })
})

test('the level that a transaction was given holds for that one only', async () => {
  const h = await openForTest({ pool: { connectionLimit: 1 } })
  await h.database.transaction(async () => {}, { isolationLevel: 'serializable' })
  await begun(h, async (connection) => {
    await connection.query('select count(*) from orders')
    const level = await levelOf(async () => {
      const [rows] = await connection.query<RowDataPacket[]>(toLiteralText(ownLevel))
      return rows
    })
    expect(level).toBe('REPEATABLE READ')
    await connection.rollback()
  })
})

/** As it is for the transaction that is open, which no variable tells. */
const ownLevel = sql`
  select trx_isolation_level as level from information_schema.innodb_trx
  where trx_mysql_thread_id = connection_id()`

async function levelOf(ask: () => Promise<readonly Record<string, unknown>[]>): Promise<unknown> {
  return await shownByInnodb(async () => {
    const [row] = await ask()
    if (!row) throw new Error('the server does not show the transaction')
    return row['level']
  })
}

test('a read-only transaction is one', async () => {
  const h = await openForTest()
  const writing = h.database.transaction((connection) => order(connection, 'none'), {
    accessMode: 'read only',
  })
  await expect(writing).rejects.toMatchObject({ errno: 1792 })
})

// MariaDB since 11.6 has it on.
test('a snapshot that refuses what changed after it fails the transaction, and stores nothing', async () => {
  const h = await openForTest({
    session: [`set /*M! innodb_snapshot_isolation = 1, */ autocommit = 1`],
  })
  const key = await newKey(h.database)
  const late = h.database.transaction(
    async (connection) => {
      await connection.query('select count(*) from orders')
      await order(connection, 'late')
      expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
      await h.database.barrier.insert(h.database.context(connection), key)
    },
    { isolationLevel: 'repeatable read' },
  )
  await expect(late).rejects.toBeInstanceOf(Error)
  expect(await h.skus()).toEqual([])
  expect(await h.barrier(key.gid)).toEqual(['rollback'])
})
