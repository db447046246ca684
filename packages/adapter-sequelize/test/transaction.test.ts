import { QueryTypes, Transaction } from 'sequelize'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp } from '../../adapter-pg/test/app.ts'
import { begun, expectWarnings, newKey, openForTest, postgres } from './harness.ts'
import type { Harness } from './harness.ts'

const outOfStock = new Error('out of stock')

/** Two rows that are refused when the transaction commits. */
const unpaid = 'insert into paid values (1), (1)'
const createPaid = 'create table paid (n int unique deferrable initially deferred)'

describe('a transaction on PostgreSQL', () => {
  let h: Harness
  beforeAll(async () => {
    h = await postgres.open({ config: { pool: { max: 1 } } })
    await h.db.query(createPaid)
  })
  afterAll(async () => {
    await h.close()
  })

  test('rejects where Sequelize resolves: the error of a failed statement was swallowed', async () => {
    const work = async (transaction: Transaction): Promise<void> => {
      await h.orders.create({ sku: 'swallowed' }, { transaction })
      await h.db.query('select 1 / 0', { transaction }).catch(() => {})
    }
    await expect(h.db.transaction(work)).resolves.toBeUndefined()
    await expect(h.database.transaction(work)).rejects.toMatchObject({
      code: 'TRANSACTION_ROLLED_BACK',
    })
    expect(await h.skus()).toEqual([])
  })

  test('whose work sent the COMMIT tells that it did', async () => {
    const ended = h.database.transaction(async (transaction) => {
      const context = h.database.context(transaction)
      await h.db.query('commit', { transaction })
      await context.assertUsable()
    })
    await expect(ended).rejects.toThrow(/something in the callback sent COMMIT/)
  })

  test('rejects when a statement that nobody awaited failed', async () => {
    const unawaited = h.database.transaction(async (transaction) => {
      await h.orders.count({ transaction })
      h.db.query('select 1 / 0', { transaction }).catch(() => {})
    })
    await expect(unawaited).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
  })

  test("rejects with Sequelize's error of a constraint that is checked at the commit", async () => {
    expectWarnings()
    const violated = h.database.transaction((transaction) => h.db.query(unpaid, { transaction }))
    await expect(violated).rejects.toMatchObject({
      name: 'SequelizeUniqueConstraintError',
      parent: { code: '23505' },
    })
  })

  test('takes the options of Sequelize', async () => {
    const isolationLevel = Transaction.ISOLATION_LEVELS.SERIALIZABLE
    const [level] = await h.database.transaction(
      (transaction) =>
        h.db.query(`select current_setting('transaction_isolation') as level`, {
          transaction,
          type: QueryTypes.SELECT,
        }),
      { isolationLevel },
    )
    expect(level).toEqual({ level: 'serializable' })
  })

  test('inside a transaction is refused: a savepoint does not commit', async () => {
    await begun(h, async (transaction) => {
      const nested = h.database.transaction(async () => {}, { transaction } as object)
      await expect(nested).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
      await transaction.rollback()
    })
  })

  test('gives its connection back, whatever becomes of it', async () => {
    expectWarnings()
    const works = [
      async () => {},
      async () => Promise.reject(outOfStock),
      async (transaction: Transaction) => h.db.query(unpaid, { transaction }),
    ]
    for (const work of works) await h.database.transaction<unknown>(work).catch(() => {})
    await expect(h.database.transaction(async () => 'reached')).resolves.toBe('reached')
  })
})

describe('a COMMIT that Sequelize would send again', () => {
  /** So that a refused COMMIT is tried again; the server answers COMMIT to that, with nothing in it. */
  const retry = { max: 5, match: [/SequelizeUniqueConstraintError/, /Validation error/] }

  test('is sent once by this adapter, which then rejects', async () => {
    expectWarnings()
    const h = await openForTest(postgres, { config: { retry } })
    await h.db.query(createPaid)
    const work = (transaction: Transaction): Promise<unknown> => h.db.query(unpaid, { transaction })
    await expect(h.db.transaction(work)).resolves.toBeDefined() // though nothing was stored
    await expect(h.database.transaction(work)).rejects.toMatchObject({ parent: { code: '23505' } })
    const byHand = begun(h, async (transaction) => {
      await work(transaction)
      const context = h.database.context(transaction)
      await context.assertUsable()
      await context.commit()
    })
    await expect(byHand).rejects.toMatchObject({ parent: { code: '23505' } })
    expect(await h.query('select n from paid')).toEqual([])
  })

  test("sent again by the user's own commit drops the job", async () => {
    const h = await openForTest(postgres, { config: { retry } })
    await h.db.query(createPaid)
    const app = await startApp({ databases: [h.database], store: h.database })
    const job = await h.db.transaction(async (transaction) => {
      await h.db.query(unpaid, { transaction })
      const created = app.stepping.createJob(h.database.context(transaction))
      await created.addStep(app.note, 'unpaid').prepareAndInsertBarrier()
      return created
    })
    await expect(job.submit()).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    await app.settled()
    expect(app.notes).not.toContain('unpaid')
  })
})

describe('a hook after the commit', () => {
  test('that uses the same connection changes nothing', async () => {
    const h = await openForTest(postgres, { config: { pool: { max: 1 } } })
    const app = await startApp({ databases: [h.database], store: h.database })
    await app.stepping.transaction(h.database, async (transaction, job) => {
      transaction.afterCommit(async () => void (await h.db.query('rollback')))
      job.addStep(app.note, 'hooked')
    })
    await app.noted('hooked')
  })

  test('that rejects makes the transaction reject with its error; the job is done all the same', async () => {
    const h = await openForTest(postgres)
    const app = await startApp({ databases: [h.database], store: h.database, leaseMs: 1_000 })
    const mailed = app.stepping.transaction(h.database, async (transaction, job) => {
      transaction.afterCommit(() => Promise.reject(outOfStock))
      job.addStep(app.note, 'committed')
    })
    await expect(mailed).rejects.toBe(outOfStock)
    // Once its lease has run out: nobody told it that the transaction committed.
    await app.noted('committed')
  })
})

describe('the proof of a commit', () => {
  let h: Harness
  beforeAll(async () => {
    h = await postgres.open({ config: { pool: { max: 1 } } })
  })
  afterAll(async () => {
    await h.close()
  })

  /** Inserts our row and then does `after`, in a transaction that Sequelize commits. */
  async function proved(after: (t: Transaction) => Promise<unknown>): Promise<unknown> {
    const key = await newKey(h.database)
    const proofs: (() => boolean)[] = []
    await h.database
      .transaction(async (t) => {
        const context = h.database.context(t)
        proofs.push(() => context.provedCommit!())
        await h.database.barrier.insert(context, key)
        await after(t)
      })
      .catch(() => {})
    return proofs[0]!()
  }

  test('is there when our statement was the last before it', async () => {
    expect(await proved(async () => {})).toBe(true)
  })

  test('is there although a hook comes after it', async () => {
    const proof = await proved(async (t) => {
      t.afterCommit(async () => void (await h.db.query('select 1')))
    })
    expect(proof).toBe(true)
  })

  test('is missing when another statement came after ours', async () => {
    expect(await proved((transaction) => h.db.query('select 1', { transaction }))).toBe(false)
  })

  test('is missing when it was rolled back', async () => {
    expect(await proved(() => Promise.reject(outOfStock))).toBe(false)
  })

  test('is missing when ours was in a savepoint that was rolled back', async () => {
    const key = await newKey(h.database)
    let proof: (() => boolean) | undefined
    await h.database.transaction(async (transaction) => {
      const undone = h.db.transaction({ transaction }, async (savepoint) => {
        const context = h.database.context(savepoint)
        proof = () => context.provedCommit!()
        await h.database.barrier.insert(context, key)
        throw outOfStock
      })
      await undone.catch(() => {})
    })
    expect(proof!()).toBe(false)
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('is there when the context commits', async () => {
    const key = await newKey(h.database)
    const proof = await begun(h, async (t) => {
      const context = h.database.context(t)
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
      await context.commit()
      return context.provedCommit!()
    })
    expect(proof).toBe(true)
  })
})
