import { safeAge, SteppingError } from '@stepping/core'
import type { DbContext } from '@stepping/core'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { postgres } from './postgres/index.ts'
import { sqlDatabase } from './driver-database.ts'
import { isSqlContext, isSqlDatabase } from './sql-database.ts'
import type { SqlDatabase } from './sql-database.ts'
import type { SqlDriver } from './sql-driver.ts'
import { sql, toText } from './statement.ts'
import type { SqlResult, Statement } from './statement.ts'

/** A driver whose answers the test writes. */
type Tx = { readonly open: true }
const run = vi.fn<(statement: Statement) => Promise<SqlResult>>()
const transaction = vi.fn<(work: (tx: Tx) => unknown, options?: string) => Promise<unknown>>()

function open(options: { tenant?: string; schema?: string } = {}): SqlDatabase<Tx, string> {
  const driver: SqlDriver<Tx, string> = {
    dialect: postgres,
    address: 'postgres://app@db:5432/shop',
    limits: { parallelTransactions: 'a fake' },
    readCommitted: 'read committed',
    run,
    transaction: transaction as SqlDriver<Tx, string>['transaction'],
    bind: () => ({ execute: run, opened: true, assertUsable: async () => {} }),
  }
  return sqlDatabase(driver, { name: 'orders', ...options })
}

const meta = { identity: 'i-1', 'version:stepping': '1' }
let skewMs = 0

beforeEach(() => {
  skewMs = 0
  run.mockReset()
  run.mockImplementation(async (statement) => {
    const text = toText(statement, () => '?')
    if (text.includes('as now')) return result([{ now: Date.now() + skewMs }])
    if (text.includes('select name, value')) {
      return result(Object.entries(meta).map(([name, value]) => ({ name, value })))
    }
    return result([])
  })
  transaction.mockReset()
  transaction.mockImplementation(async (work) => await work({ open: true }))
})

describe('a SQL database', () => {
  test('is recognised, also as the database of a context', () => {
    const database = open()
    expect(isSqlDatabase(database)).toBe(true)
    expect(isSqlContext(database.context({ open: true }))).toBe(true)
    expect(isSqlDatabase({ ...database })).toBe(true)
  })

  test('is told from another one', () => {
    const foreign = { database: { ref: { name: 'mongo' } } } as DbContext
    expect(isSqlContext(foreign)).toBe(false)
  })

  test('refuses the context of another kind of database', async () => {
    const foreign = { database: { ref: { name: 'mongo' } } } as DbContext
    const key = { gid: 'g', notAfter: 0, identity: 'i-1' }
    await expect(open().barrier.insert(foreign, key)).rejects.toMatchObject({
      code: 'TRANSACTION_UNUSABLE',
    })
  })

  test('has the name and the tenant that it was given, and the limits of its driver', () => {
    expect(open().ref).toEqual({ name: 'orders' })
    expect(open({ tenant: 'acme' }).ref).toEqual({ name: 'orders', tenant: 'acme' })
    expect(open().limits).toEqual({ parallelTransactions: 'a fake' })
  })

  test('listens only where its driver does', () => {
    expect(open().listen).toBeUndefined()
  })

  test('runs its own transactions at read committed', async () => {
    await open().atomically(async (execute) => await execute(sql`select 1`))
    expect(transaction).toHaveBeenCalledExactlyOnceWith(expect.any(Function), 'read committed')
  })

  test("runs the user's transactions as the user wants", async () => {
    await open().transaction(async () => {}, 'serializable')
    expect(transaction).toHaveBeenCalledExactlyOnceWith(expect.any(Function), 'serializable')
  })
})

describe('the identity of a SQL database', () => {
  test('is asked once', async () => {
    const database = open()
    expect(await database.identity()).toBe('i-1')
    const asked = run.mock.calls.length
    expect(await database.identity()).toBe('i-1')
    expect(run).toHaveBeenCalledTimes(asked)
  })

  test('is asked again after a migration', async () => {
    const database = open()
    await database.identity()
    await database.migrate()
    const asked = run.mock.calls.length
    await database.identity()
    expect(run.mock.calls.length).toBeGreaterThan(asked)
  })

  test.each([-1, 1])('is refused when the clocks differ by too much (%d)', async (sign) => {
    skewMs = sign * (safeAge.clockSkewMs + 10_000)
    await expect(open().identity()).rejects.toMatchObject({
      code: 'CLOCK_SKEW',
      message: expect.stringContaining('310 s apart; at most 300 s'),
    })
  })

  test.each([-1, 1])('is given when the clocks differ by little (%d)', async (sign) => {
    skewMs = sign * (safeAge.clockSkewMs - 10_000)
    await expect(open().identity()).resolves.toBe('i-1')
  })

  test('is missing where the table is', async () => {
    run.mockRejectedValue(Object.assign(new Error('no table'), { code: '42P01' }))
    await expect(open().identity()).rejects.toMatchObject({ code: 'SCHEMA_MISSING' })
  })

  test('is missing with the words that mend it, also for a tenant', async () => {
    run.mockRejectedValue(Object.assign(new Error('no table'), { code: '42P01' }))
    await expect(open({ tenant: 'acme' }).identity()).rejects.toThrow(
      'The tables of stepping in the schema "stepping" of the database orders/acme do not exist: run `await stepping.migrate({ tenant: \'acme\' })` once when deploying.',
    )
  })
})

describe('what a SQL database is asked on a connection of its own', () => {
  const lost = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })

  test('rejects with the name, the address and the reason when it cannot be reached', async () => {
    run.mockRejectedValue(lost)
    await expect(open({ tenant: 'acme' }).run(sql`select 1`)).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringMatching(/orders\/acme at postgres:\/\/app@db:5432\/shop .*refused/),
      cause: lost,
    })
  })

  test('rejects with the error of the server as it is', async () => {
    const error = Object.assign(new Error('no'), { code: '42501' })
    run.mockRejectedValue(error)
    await expect(open().run(sql`select 1`)).rejects.toBe(error)
  })

  test('rejects with our own errors as they are', async () => {
    const error = new SteppingError('TRANSACTION_ROLLED_BACK', 'x', { cause: lost })
    transaction.mockRejectedValue(error)
    await expect(open().atomically(async () => {})).rejects.toBe(error)
  })

  test("leaves the errors of the user's transaction alone", async () => {
    transaction.mockRejectedValue(lost)
    await expect(open().transaction(async () => {})).rejects.toBe(lost)
  })
})

function result(rows: Record<string, unknown>[]): SqlResult {
  return { rows, affected: rows.length }
}
