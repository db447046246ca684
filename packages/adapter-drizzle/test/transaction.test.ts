import { sql } from 'drizzle-orm'
import type { Pool, PoolClient } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  begin,
  drivers,
  holdCommit,
  newKey,
  nodePostgres,
  postgresJs,
  serverDrivers,
} from './harness.ts'
import type { Harness, Tx } from './harness.ts'
import { orders } from './schema.ts'

/** What is thrown by the user's callback or by what it did. */
const outOfStock = new Error('out of stock')

describe.each(drivers)('a transaction over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
    await h.query(`insert into orders (sku) values ('taken')`)
    await h.query(`create table paid (n int unique deferrable initially deferred)`)
  })
  afterAll(async () => {
    await h.close()
  })

  test('rejects when the error of a failed statement was swallowed', async () => {
    const swallowed = h.database.transaction(async (tx) => {
      await tx.insert(orders).values({ sku: 'swallowed' })
      await failing(tx).catch(() => {})
    })
    // postgres-js has not forgotten it and throws it again.
    const code = driver === postgresJs ? '23505' : 'TRANSACTION_ROLLED_BACK'
    await expect(swallowed).rejects.toSatisfy((error) => codeOf(error) === code)
    expect(await h.skus()).not.toContain('swallowed')
  })

  test('rejects when a statement that nobody awaited failed', async () => {
    const unawaited = h.database.transaction(async (tx) => {
      await tx.insert(orders).values({ sku: 'unawaited' })
      failing(tx).catch(() => {})
    })
    await expect(unawaited).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await h.skus()).not.toContain('unawaited')
  })

  test('rejects with the error of a constraint that is checked at the commit', async () => {
    const violated = h.database.transaction(async (tx) => {
      await tx.execute(sql`insert into paid values (1), (1)`)
    })
    await expect(violated).rejects.toSatisfy((error) => codeOf(error) === '23505')
    expect(await h.query('select n from paid')).toEqual([])
  })

  test('takes the options of Drizzle', async () => {
    const readOnly = h.database.transaction(
      async (tx) => {
        await tx.insert(orders).values({ sku: 'read only' })
      },
      { accessMode: 'read only' },
    )
    await expect(readOnly).rejects.toSatisfy((error) => codeOf(error) === '25006')
  })
})

describe.each(serverDrivers)('a connection over $name', (driver) => {
  test('that is lost while it commits leaves the outcome unknown', async () => {
    const h = await driver.open()
    onTestFinished(() => h.close())
    const commit = await holdCommit(h, 'lost')
    const lost = h.database.transaction(async (tx) => {
      await tx.insert(orders).values({ sku: 'lost' })
    })
    await Promise.all([
      expect(lost).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' }),
      commit.terminate(),
    ])
  })
})

describe('a transaction over node-postgres', () => {
  let h: Harness
  beforeAll(async () => {
    h = await nodePostgres.open({ max: 1 })
    await h.query(`insert into orders (sku) values ('taken')`)
  })
  afterAll(async () => {
    await h.close()
  })

  test('that loses its connection rejects, and the process goes on', async () => {
    const lost = h.database.transaction(async (tx) => {
      await tx.execute(sql`select pg_terminate_backend(pg_backend_pid())`)
    })
    await expect(lost).rejects.toBeInstanceOf(Error)
  })

  test('whose connection is lost rejects with what its work threw all the same', async () => {
    const lost = h.database.transaction(async (tx) => {
      await tx.execute(sql`select pg_terminate_backend(pg_backend_pid())`).catch(() => {})
      throw outOfStock
    })
    await expect(lost).rejects.toBe(outOfStock)
  })

  test('of the user that loses its connection leaves the process alone too', async () => {
    const open = await begin(h.db)
    const [backend] = await open.tx
      .select({ pid: sql<number>`pg_backend_pid()` })
      .from(sql`(values (1)) as one`)
    const ended = new Promise((resolve) => clientOf(open.tx).once('end', resolve))
    await h.query('select pg_terminate_backend($1)', [backend!.pid])
    await ended
    await expect(open.commit()).rejects.toBeInstanceOf(Error)
  })

  test('proves its commit when our statement was the last before it', async () => {
    expect(await provedCommit(async () => {})).toBe(true)
  })

  test('proves nothing when another statement came after ours', async () => {
    const proved = await provedCommit(async (tx) => {
      await tx.execute(sql`select 1`)
    })
    expect(proved).toBe(false)
  })

  test('proves nothing when ours was in a savepoint that was rolled back', async () => {
    const key = await newKey(h.database)
    let proved: (() => boolean) | undefined
    await h.database.transaction(async (tx) => {
      const context = h.database.context(tx)
      await context.assertUsable()
      proved = context.provedCommit?.bind(context)
      await tx
        .transaction(async () => {
          await h.database.barrier.insert(context, key)
          throw outOfStock
        })
        .catch(() => {})
    })
    expect(proved!()).toBe(false)
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('proves nothing while it is open, and nothing when it rolled back', async () => {
    const key = await newKey(h.database)
    const answers: unknown[] = []
    let proved: (() => boolean) | undefined
    const failed = h.database.transaction(async (tx) => {
      const context = h.database.context(tx)
      await context.assertUsable()
      proved = context.provedCommit?.bind(context)
      await h.database.barrier.insert(context, key)
      answers.push(proved!())
      throw outOfStock
    })
    await expect(failed).rejects.toBe(outOfStock)
    expect([...answers, proved!()]).toEqual([false, false])
  })

  test('of Drizzle itself proves nothing: nobody watched it', async () => {
    const key = await newKey(h.database)
    const proved = await h.db.transaction(async (tx) => {
      const context = h.database.context(tx)
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
      return context.provedCommit?.()
    })
    expect(proved).toBeUndefined()
  })

  test.each([
    ['committed', async () => {}],
    [
      'rolled back',
      async () => {
        throw outOfStock
      },
    ],
  ])('leaves no listener behind when it %s, and keeps those of the user', async (_, end) => {
    const heard: unknown[] = []
    const client = await theConnection()
    const onCommand = (message: unknown): void => void heard.push(message)
    client.connection.on('commandComplete', onCommand)
    const before = client.connection.listenerCount('commandComplete')
    await h.database.transaction(end).catch(() => {})
    expect(client.connection.listenerCount('commandComplete')).toBe(before)
    expect(client.connection.listeners('commandComplete')).toContain(onCommand)
    expect(heard).toHaveLength(2)
    client.connection.off('commandComplete', onCommand)
  })

  /** Whether a commit that had `after` between our statement and it was proven. */
  async function provedCommit(after: (tx: Tx) => Promise<void>): Promise<boolean> {
    const key = await newKey(h.database)
    let proved: (() => boolean) | undefined
    await h.database.transaction(async (tx) => {
      const context = h.database.context(tx)
      await context.assertUsable()
      proved = context.provedCommit?.bind(context)
      await h.database.barrier.insert(context, key)
      await after(tx)
    })
    return proved!()
  }

  /** The only client of the pool, idle. */
  async function theConnection(): Promise<PoolClient> {
    const client = await (h.db as unknown as { $client: Pool }).$client.connect()
    client.release()
    return client
  }
})

/** A statement that breaks a unique constraint. */
async function failing(tx: Tx): Promise<unknown> {
  return await tx.insert(orders).values({ sku: 'taken' })
}

function clientOf(tx: Tx): PoolClient {
  return (tx as unknown as { session: { client: PoolClient } }).session.client
}

/** The SQLSTATE in the driver's error, be it wrapped by Drizzle. */
function codeOf(error: unknown): unknown {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return code ?? (cause === undefined ? undefined : codeOf(cause))
}
