import { startMongo } from '@stepping/test-support'
import { MongoError } from 'mongodb'
import type { ClientSession } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { begin, insert, newKey, open, openLossy, order } from './harness.ts'
import type { Harness } from './harness.ts'

const outOfStock = new Error('out of stock')

describe('a transaction whose callback ends it by itself', () => {
  test('by an abort rejects as rolled back, where the driver resolves', async () => {
    const h = await open()
    const aborted = h.database.transaction(async (session) => {
      await order(h, session, 'aborted')
      await session.abortTransaction()
    })
    await expect(aborted).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await h.skus()).toEqual([])
  })

  test('by an abort rejects with what it threw then', async () => {
    const h = await open()
    const failed = h.database.transaction(async (session) => {
      await order(h, session, 'aborted')
      await session.abortTransaction()
      throw outOfStock
    })
    await expect(failed).rejects.toBe(outOfStock)
  })

  test('by a commit leaves the outcome unknown, and says why', async () => {
    const h = await open()
    const committed = h.database.transaction(async (session) => {
      await order(h, session, 'committed')
      await session.commitTransaction()
    })
    await expect(committed).rejects.toMatchObject({
      code: 'TRANSACTION_OUTCOME_UNKNOWN',
      message: expect.stringContaining('Leave the commit to transaction()') as string,
    })
  })

  test('and goes on in the session, which commits by itself, leaves it unknown', async () => {
    const h = await open()
    const loose = h.database.transaction(async (session) => {
      await session.abortTransaction()
      await order(h, session, 'loose')
    })
    await expect(loose).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
  })

  test('and begins another one leaves it unknown', async () => {
    const h = await open()
    const another = h.database.transaction(async (session) => {
      await session.abortTransaction()
      session.startTransaction()
      await order(h, session, 'another')
    })
    await expect(another).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
  })
})

describe('a transaction that is run again', () => {
  test('resolves with what the last run returned, which alone is stored', async () => {
    const h = await open()
    let runs = 0
    const value = await h.database.transaction(async (session) => {
      runs++
      await order(h, session, `run ${runs}`)
      if (runs < 3) throw transient()
      return runs
    })
    expect(value).toBe(3)
    expect(await h.skus()).toEqual(['run 3'])
  })

  test('rejects with what a later run threw', async () => {
    const h = await open()
    let runs = 0
    const failed = h.database.transaction(async (session) => {
      await order(h, session, 'undone')
      throw runs++ === 0 ? transient() : outOfStock
    })
    await expect(failed).rejects.toBe(outOfStock)
    expect(await h.skus()).toEqual([])
  })

  test('since the server gave it up is not run for ever', async () => {
    const h = await open()
    let runs = 0
    const swallowed = h.database.transaction(async (session) => {
      runs++
      await order(h, session, 'swallowed')
      await h.db
        .command({ insert: 'orders', documents: [{ _id: 1 }, { _id: 1 }] }, { session })
        .catch(() => {})
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(runs).toBeLessThan(20)
    expect(await h.skus()).toEqual([])
  })

  test('since another one is in its way goes on until that is over', async () => {
    const h = await open()
    const key = await newKey(h.database)
    const first = begin(h)
    await insert(h, first, key)
    let runs = 0
    const second = h.database.transaction(async (session) => {
      // More than are allowed to one that was undone; and before the server ends the first for its age.
      if (++runs === 15) await first.abortTransaction()
      await insert(h, session, key)
    })
    await expect(second).resolves.toBeUndefined()
    expect(runs).toBeGreaterThanOrEqual(15)
  })
})

describe('the proof of a commit', () => {
  test('is there after a transaction', async () => {
    const h = await open()
    expect(await proved(h, (work) => h.database.transaction(work))).toBe(true)
  })

  test('is there for the last run only', async () => {
    const h = await open()
    const asked: (() => unknown)[] = []
    await h.database.transaction(async (session) => {
      const context = h.database.context(session)
      asked.push(() => context.provedCommit?.())
      await h.database.barrier.insert(context, await newKey(h.database))
      if (asked.length === 1) throw transient()
    })
    expect(asked.map((ask) => ask())).toEqual([false, true])
  })

  test('is not there when the user has one server confirm it only', async () => {
    const h = await open()
    const options = { writeConcern: { w: 1 } }
    expect(await proved(h, (work) => h.database.transaction(work, options))).toBe(false)
  })

  test('is there after a commit through the context, if that waits for a majority', async () => {
    const majority = await open({ writeConcern: { w: 'majority' } })
    expect(await proved(majority, (work) => throughContext(majority, begin(majority), work))).toBe(
      true,
    )
    const unsaid = await open()
    expect(await proved(unsaid, (work) => throughContext(unsaid, begin(unsaid), work))).toBe(false)
  })

  test("is not there after the user's own commit, which nobody watched", async () => {
    const h = await open({ writeConcern: { w: 'majority' } })
    const own = (work: (session: ClientSession) => Promise<void>): Promise<void> =>
      h.client.withSession((session) => session.withTransaction(() => work(session)))
    expect(await proved(h, own)).toBe(false)
  })
})

test('the options are those of the driver; a commit that too few servers confirm is unknown', async () => {
  const h = await open()
  const tooFew = h.database.transaction((session) => order(h, session, 'too few'), {
    writeConcern: { w: 7, wtimeoutMS: 100 },
  })
  await expect(tooFew).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
  expect(await h.skus()).toEqual(['too few'])
})

describe('a commit that nobody answers', () => {
  test('is asked again until the answer is known', async () => {
    const h = await openLossy()
    const session = begin(h)
    await order(h, session, 'answer lost')
    const context = h.database.context(session)
    h.lose('answer')
    await expect(context.commit()).resolves.toBeUndefined()
    expect(await h.skus()).toEqual(['answer lost'])
  })

  test('is unknown when the server is gone', { timeout: 60_000 }, async () => {
    await using server = await startMongo()
    const h = await open({ url: `${server.url}&serverSelectionTimeoutMS=500` })
    const session = begin(h)
    await order(h, session, 'by hand')
    const context = h.database.context(session)
    const gone = h.database.transaction(async (other) => {
      await order(h, other, 'in a transaction')
      await server.kill()
    })
    const unknown = { code: 'TRANSACTION_OUTCOME_UNKNOWN' }
    await expect(gone).rejects.toMatchObject(unknown)
    await expect(context.commit()).rejects.toMatchObject(unknown)
  })
})

/** Whether the adapter counts the commit of this transaction as proven. */
async function proved(
  h: Harness,
  commit: (work: (session: ClientSession) => Promise<void>) => Promise<void>,
): Promise<unknown> {
  let asked: (() => unknown) | undefined
  await commit(async (session) => {
    const context = h.database.context(session)
    asked = () => context.provedCommit?.()
    await h.database.barrier.insert(context, await newKey(h.database))
    expect(asked()).toBe(false)
  })
  return asked!()
}

async function throughContext(
  h: Harness,
  session: ClientSession,
  work: (session: ClientSession) => Promise<void>,
): Promise<void> {
  await work(session)
  await h.database.context(session).commit()
}

function transient(): MongoError {
  const error = new MongoError('as after an election')
  error.addErrorLabel('TransientTransactionError')
  return error
}
