import { SteppingError } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { postgres } from './postgres/index.ts'
import { resolveBarrier } from './resolve.ts'
import type { AnySqlDatabase } from './sql-database.ts'
import { schemaTables } from './table-name.ts'

const key: BarrierKey = { gid: 'g1', notAfter: 1, identity: 'i' }
const answer = vi.fn<typeof postgres.resolveBarrier>()
/** Resolves when the database has a connection. */
let connection: PromiseWithResolvers<void>

const database = {
  ref: { name: 'orders', tenant: 'acme' },
  sqlDialect: { ...postgres, resolveBarrier: answer },
  tables: schemaTables('stepping'),
  async atomically(work) {
    await connection.promise
    return await work(async () => ({ rows: [], affected: 0 }))
  },
} as Partial<AnySqlDatabase> as AnySqlDatabase

beforeEach(() => {
  vi.useFakeTimers()
  answer.mockReset()
  connection = Promise.withResolvers()
  connection.resolve()
})
afterEach(() => void vi.useRealTimers())

describe('the answer about a gid', () => {
  test.each([
    ['msg', 'committed'],
    ['rollback', 'rolledBack'],
    ['empty', 'rolledBack'],
  ] as const)('with the reason %s is %s', async (reason, outcome) => {
    answer.mockResolvedValue(reason)
    await expect(resolveBarrier(database, key)).resolves.toBe(outcome)
  })

  test.each([
    ['expired', 'BARRIER_EXPIRED'],
    ['changed', 'DATABASE_CHANGED'],
  ] as const)('%s is %s', async (reason, code) => {
    answer.mockResolvedValue(reason)
    await expect(resolveBarrier(database, key)).rejects.toMatchObject({ code, gid: 'g1' })
  })

  test.each(['TRANSACTION_ROLLED_BACK', 'TRANSACTION_OUTCOME_UNKNOWN'] as const)(
    'is open when the transaction of the question itself ended with %s',
    async (code) => {
      const cause = new SteppingError(code, 'not the job’s')
      answer.mockRejectedValue(cause)
      const asked = resolveBarrier(database, key)
      await expect(asked).rejects.toMatchObject({ code: 'BARRIER_UNDECIDED', gid: 'g1', cause })
    },
  )

  test('of another database names it with its tenant', async () => {
    answer.mockResolvedValue('changed')
    await expect(resolveBarrier(database, key)).rejects.toThrow('orders/acme')
  })

  test('that a lock keeps away is undecided, with the reason', async () => {
    const cause = Object.assign(new Error('lock timeout'), { code: '55P03' })
    answer.mockRejectedValue(cause)
    await expect(resolveBarrier(database, key)).rejects.toMatchObject({
      code: 'BARRIER_UNDECIDED',
      gid: 'g1',
      cause,
    })
  })

  test('that fails otherwise is the error itself: never an outcome', async () => {
    const error = Object.assign(new Error('disk full'), { code: '53100' })
    answer.mockRejectedValue(error)
    await expect(resolveBarrier(database, key)).rejects.toBe(error)
  })

  test('leaves no timer behind', async () => {
    answer.mockResolvedValue('msg')
    await resolveBarrier(database, key)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a question that gets no connection', () => {
  beforeEach(() => {
    connection = Promise.withResolvers()
  })

  test('is undecided after two seconds', async () => {
    const rejected = vi.fn<(error: unknown) => void>()
    resolveBarrier(database, key).catch(rejected)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(rejected).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(rejected).toHaveBeenCalledWith(expect.objectContaining({ code: 'BARRIER_UNDECIDED' }))
  })

  test('is not asked when the connection comes after all', async () => {
    const asked = resolveBarrier(database, key).catch(() => {})
    await vi.advanceTimersByTimeAsync(2_000)
    await asked
    connection.resolve()
    await vi.runAllTimersAsync()
    expect(answer).not.toHaveBeenCalled()
  })

  test('is not given up once it is asked, however long the answer takes', async () => {
    const slow = Promise.withResolvers<'msg'>()
    answer.mockReturnValue(slow.promise)
    connection.resolve()
    const asked = resolveBarrier(database, key)
    await vi.advanceTimersByTimeAsync(10_000)
    slow.resolve('msg')
    await expect(asked).resolves.toBe('committed')
  })
})
