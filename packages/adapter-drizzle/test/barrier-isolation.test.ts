import type { BarrierKey } from '@stepping/core'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { begin, drivers, newKey, serverDrivers } from './harness.ts'
import type { Harness, Tx } from './harness.ts'
import { orders } from './schema.ts'

async function insert({ database }: Harness, tx: Tx, key: BarrierKey): Promise<void> {
  const context = database.context(tx)
  await context.assertUsable()
  await database.barrier.insert(context, key)
}

describe.each(serverDrivers)('two transactions at once over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
  })
  afterAll(async () => {
    await h.close()
  })

  test.each(['repeatable read', 'serializable'] as const)(
    'at %s, a barrier that was decided after the snapshot is the error of the server',
    async (isolationLevel) => {
      const key = await newKey(h.database)
      const sku = `late at ${isolationLevel}`
      const late = h.database.transaction(
        async (tx) => {
          await tx.insert(orders).values({ sku })
          expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
          await insert(h, tx, key)
        },
        { isolationLevel },
      )
      await expect(late).rejects.toMatchObject({ code: '40001' })
      expect(await h.skus()).not.toContain(sku)
    },
  )
})

describe.each(drivers)('the barrier over one connection of $name', (driver) => {
  test('a question that got no connection in time decides nothing later', async () => {
    const h = await driver.open({ max: 1 })
    onTestFinished(() => h.close())
    const key = await newKey(h.database)
    const open = await begin(h.database)
    await expect(h.database.barrier.resolve(key)).rejects.toMatchObject({
      code: 'BARRIER_UNDECIDED',
    })
    await open.commit()
    // Queues behind what is left of the question.
    await h.database.transaction(async () => {})
    expect(await h.barrier(key.gid)).toEqual([])
  })
})

describe.each(drivers)('a durable commit over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open({ max: 1 })
  })
  afterAll(async () => {
    await h.close()
  })

  test.each([
    ['off', 'on'],
    ['local', 'local'],
    ['remote_apply', 'remote_apply'],
  ])('after the barrier, synchronous_commit %s is %s', async (before, after) => {
    const key = await newKey(h.database)
    await h.database.transaction(async (tx) => {
      await tx.execute(sql.raw(`set local synchronous_commit = '${before}'`))
      await insert(h, tx, key)
      expect(await synchronousCommit(tx)).toBe(after)
    })
  })

  test('the setting of the session comes back after the transaction', async () => {
    const key = await newKey(h.database)
    await h.db.execute(sql.raw(`set synchronous_commit = 'off'`))
    await h.database.transaction(async (tx) => {
      await insert(h, tx, key)
    })
    expect(await synchronousCommit(h.db)).toBe('off')
  })

  test('once makes the commit durable as well', async () => {
    const { gid, notAfter } = await newKey(h.database)
    await h.database.transaction(async (tx) => {
      await tx.execute(sql.raw(`set local synchronous_commit = 'off'`))
      await h.database.once.take(h.database.context(tx), {
        gid,
        index: 0,
        key: '',
        owner: 'shop',
        notAfter,
      })
      expect(await synchronousCommit(tx)).toBe('on')
    })
  })

  test('an answer is durable as well, whether it decides or finds', async () => {
    await h.query(`create table seen (setting text)`)
    await h.query(`
      create function see() returns trigger language plpgsql as $$
      begin insert into seen values (current_setting('synchronous_commit')); return new; end $$`)
    await h.query(`
      create trigger see before insert or update on stepping.barrier for each row execute function see()`)
    await h.db.execute(sql.raw(`set synchronous_commit = 'off'`))
    const key = await newKey(h.database)
    await h.database.barrier.resolve(key)
    await h.database.barrier.resolve(key)
    const seen = await h.query(`select setting from seen`)
    expect(new Set(seen.map((row) => row['setting']))).toEqual(new Set(['on']))
  })
})

async function synchronousCommit(on: Pick<Tx, 'select'>): Promise<unknown> {
  const setting = sql<string>`current_setting('synchronous_commit')`
  const [row] = await on.select({ setting }).from(sql`(values (1)) as one`)
  return row?.setting
}
