import { sql as statement } from '@stepping/sql'
import type { SqlContext } from '@stepping/sql'
import * as pg from 'pg'
import { ForeignKeyConstraintError, UniqueConstraintError } from 'sequelize'
import type { Transaction } from 'sequelize'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { expectWarnings, postgres } from './harness.ts'
import type { Harness } from './harness.ts'

const explained = new Error('explained')
const insertion = (sku: string) => statement`insert into orders (sku) values (${sku})`

/** What clients were asked for, in the order of that. */
const asked: string[] = []

class Telling extends pg.Client {
  override query(...args: unknown[]): never {
    const [query] = args as [string | { text: string }]
    asked.push(typeof query === 'string' ? query : query.text)
    return (super.query as (...all: unknown[]) => never)(...args)
  }
}

describe.each([false, true])(
  'with prepare: %s, a statement that is sent with Sequelize’s COMMIT',
  (prepare) => {
    let h: Harness
    beforeAll(async () => {
      const dialectModule = { ...pg, Client: Telling }
      h = await postgres.open({ prepare, config: { pool: { max: 1 }, dialectModule } })
      await h.db.query('create unique index on orders (sku)')
      await h.db.query('create table paid (n int unique deferrable initially deferred)')
    })
    afterAll(async () => await h.close())
    beforeEach(() => void (asked.length = 0))

    /** A transaction whose last statement places the order; resolves with its context. */
    async function placed(
      sku: string,
      work: (transaction: Transaction) => Promise<unknown> = async () => {},
    ): Promise<SqlContext> {
      return await h.database.transaction(async (transaction) => {
        const context = h.database.context(transaction)
        await work(transaction)
        await context.executeLast!(insertion(sku), () => explained)
        return context
      })
    }

    const order = (sku: string) => async (transaction: Transaction) =>
      await h.orders.create({ sku }, { transaction })

    test('commits with it, and proves that', async () => {
      const context = await placed('together', order('before it'))
      expect(context.provedCommit!()).toBe(true)
      expect(await h.skus()).toEqual(expect.arrayContaining(['before it', 'together']))
      // Its COMMIT is in what was sent last.
      expect(asked).toEqual([
        expect.stringMatching(/^START TRANSACTION/),
        expect.stringMatching(/^INSERT/),
        insertion('').strings.join('$1'),
      ])
    })

    test('rolls the transaction back when it fails, and says why', async () => {
      await placed('taken')
      const before = await h.skus()
      await expect(placed('taken', order('with it'))).rejects.toBe(explained)
      expect(asked.at(-1)).toBe('ROLLBACK;')
      expect(await h.skus()).toEqual(before)
      await placed('after a failed one')
      expect(await h.skus()).toEqual([...before, 'after a failed one'])
    })

    test('does not explain what the COMMIT was refused for', async () => {
      expectWarnings()
      const refused = placed('refused', (transaction) =>
        h.db.query('insert into paid values (1), (1)', { transaction }),
      )
      // As Sequelize's own COMMIT is refused.
      await expect(refused).rejects.toBeInstanceOf(UniqueConstraintError)
      expect(await h.skus()).not.toContain('refused')
      await placed('after a refused one')
      expect(await h.skus()).toContain('after a refused one')
    })

    test('does not explain what its transaction rejected with by itself', async () => {
      const outOfStock = new Error('out of stock')
      const rejected = h.database.transaction(async (transaction) => {
        await h.database.context(transaction).executeLast!(insertion('sold'), () => explained)
        throw outOfStock
      })
      await expect(rejected).rejects.toBe(outOfStock)
      expect(await h.skus()).not.toContain('sold')
    })

    test.each(['rollback', 'commit'])(
      'is not stored after a %s that nobody awaited',
      async (end) => {
        const ended = placed(`after ${end}`, async (transaction) => {
          void h.db.query(end, { transaction })
          await new Promise((resolve) => setImmediate(resolve)) // it is sent by then
        })
        await expect(ended).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
        expect(await h.skus()).not.toContain(`after ${end}`)
      },
    )

    test('lets nothing through that the app sends after it', async () => {
      let late: Promise<unknown> | undefined
      await h.database.transaction(async (transaction) => {
        const context = h.database.context(transaction)
        await context.executeLast!(insertion('the last one'), () => explained)
        // Sent when the adapter waits for its COMMIT.
        late = new Promise((resolve) => setImmediate(resolve)).then(() =>
          order('a late one')(transaction),
        )
        late.catch(() => {})
      })
      await expect(late).rejects.toThrow(/it is over|has been finished|no longer use it/)
      const skus = await h.skus()
      expect(skus).toContain('the last one')
      expect(skus).not.toContain('a late one')
    })

    test('is the only one of its transaction', async () => {
      const twice = placed('second', async (transaction) => {
        await h.database.context(transaction).executeLast!(insertion('first'), () => explained)
      })
      await expect(twice).rejects.toMatchObject({ code: 'TRANSACTION_UNUSABLE' })
      expect(await h.skus()).not.toContain('first')
    })

    test('is followed by the hooks of the transaction, whose errors are theirs', async () => {
      const ofHook = new ForeignKeyConstraintError({ message: 'of the hook' })
      const hooked = placed('hooked', async (transaction) => {
        transaction.afterCommit(() => {
          throw ofHook
        })
      })
      await expect(hooked).rejects.toBe(ofHook)
      expect(await h.skus()).toContain('hooked')
    })
  },
)
