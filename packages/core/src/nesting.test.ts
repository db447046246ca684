import { beforeEach, describe, expect, it } from 'vitest'
import type { Stepping } from './stepping.ts'
import { fakeApp, sendMail } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import { FakeTransactionManager } from './testing/fake-transaction-manager.ts'

const limits = { parallelTransactions: 'one connection' }

let orders: FakeDatabase
let payments: FakeDatabase
let single: FakeDatabase
let stepping: Stepping

beforeEach(() => {
  orders = new FakeDatabase({ name: 'orders' })
  payments = new FakeDatabase({ name: 'payments' })
  single = new FakeDatabase({ name: 'single', limits })
  stepping = fakeApp({ databases: [orders, payments, single] }).stepping
})

const nested = expect.objectContaining({ code: 'TRANSACTION_NESTED' })

describe('a transaction inside a transaction', () => {
  it('of the same database is refused, with what to do instead', async () => {
    const done = stepping.transaction(orders, async () => {
      await stepping.transaction(orders, async () => {})
    })
    await expect(done).rejects.toEqual(nested)
    await expect(done).rejects.toThrow(/tx and job down.*independent: true/)
  })

  it('of the same database commits by itself when it is called independent', async () => {
    const done = stepping.transaction(orders, async (outer) => {
      outer.insert('outer')
      await stepping.transaction(orders, async (inner) => inner.insert('inner'), {
        independent: true,
      })
      throw new Error('the outer one fails')
    })
    await expect(done).rejects.toThrow('the outer one fails')
    expect(orders.rows).toEqual(['inner'])
  })

  it('of the same single-connection database is refused even then: it would wait for ever', async () => {
    const done = stepping.transaction(single, async () => {
      await stepping.transaction(single, async () => {}, { independent: true })
    })
    await expect(done).rejects.toEqual(nested)
    await expect(done).rejects.toThrow(/one connection/)
  })

  it('of another database stands by itself', async () => {
    await stepping.transaction(orders, async (tx) => {
      tx.insert('order')
      await stepping.transaction(payments, async (inner) => inner.insert('payment'))
    })
    expect([orders.rows, payments.rows]).toEqual([['order'], ['payment']])
  })

  it('of the same database is refused through another one between them', async () => {
    const done = stepping.transaction(orders, async () => {
      await stepping.transaction(payments, async () => {
        await stepping.transaction(orders, async () => {})
      })
    })
    await expect(done).rejects.toEqual(nested)
  })

  it('of another tenant stands by itself', async () => {
    const acme = new FakeDatabase({ name: 'shop', tenant: 'acme' })
    const umbrella = new FakeDatabase({ name: 'shop', tenant: 'umbrella' })
    const app = fakeApp({ databases: [acme, umbrella] })
    await app.stepping.transaction(acme, async () => {
      await app.stepping.transaction(umbrella, async (tx) => tx.insert('order'))
    })
    expect(umbrella.rows).toEqual(['order'])
  })
})

describe('a job in a transaction inside a transaction', () => {
  it('is refused where its prepare would wait for the outer one', async () => {
    const tm = new FakeTransactionManager([], { database: single })
    const app = fakeApp({ tm, databases: [orders] })
    const done = app.stepping.transaction(single, async () => {
      await app.stepping.transaction(orders, async (_tx, job) => void job.addStep(sendMail))
    })
    await expect(done).rejects.toEqual(nested)
    expect(tm.sent).toEqual([])
    expect(orders.barrierRows.size).toBe(0)
  })
})

describe('a transaction after a transaction', () => {
  it('is allowed', async () => {
    await stepping.transaction(orders, async (tx) => tx.insert('first'))
    await stepping.transaction(orders, async (tx) => tx.insert('second'))
    expect(orders.rows).toEqual(['first', 'second'])
  })

  it('is allowed when the first one failed', async () => {
    const failed = stepping.transaction(orders, async () => {
      throw new Error('out of stock')
    })
    await expect(failed).rejects.toThrow('out of stock')
    await stepping.transaction(orders, async (tx) => tx.insert('second'))
    expect(orders.rows).toEqual(['second'])
  })

  it('is allowed in work that the first one began and did not await', async () => {
    const first = Promise.withResolvers<void>()
    const after = async (): Promise<void> => {
      await first.promise
      await stepping.transaction(orders, async (tx) => tx.insert('later'))
    }
    const later: Promise<void>[] = []
    await stepping.transaction(orders, async () => {
      later.push(after())
    })
    first.resolve()
    await Promise.all(later)
    expect(orders.rows).toEqual(['later'])
  })
})

describe('a transaction beside a transaction', () => {
  it('of the same database is allowed', async () => {
    await Promise.all([
      stepping.transaction(orders, async (tx, job) => {
        tx.insert('one')
        job.addStep(sendMail)
      }),
      stepping.transaction(orders, async (tx) => tx.insert('two')),
    ])
    expect(orders.rows.toSorted()).toEqual(['one', 'two'])
  })
})

describe('a transaction of a database that the app did not register', () => {
  it('is refused, because a stored job could not name it', async () => {
    const other = new FakeDatabase({ name: 'other' })
    await expect(stepping.transaction(other, async () => {})).rejects.toMatchObject({
      code: 'DATABASE_NOT_REGISTERED',
    })
  })

  it('is refused also under a registered name', async () => {
    const other = new FakeDatabase({ name: 'orders' })
    await expect(stepping.transaction(other, async () => {})).rejects.toMatchObject({
      code: 'DATABASE_NOT_REGISTERED',
    })
  })
})
