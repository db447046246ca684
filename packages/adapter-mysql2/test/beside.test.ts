import type { BarrierKey, OnceKey } from '@stepping/core'
import type { PoolConnection } from 'mysql2/promise'
import { describe, expect, onTestFinished, test } from 'vitest'
import { committed, newKey, openForTest } from './harness.ts'
import type { Harness } from './harness.ts'

interface Beside {
  readonly h: Harness
  /** The gid of the transaction that is open. */
  readonly held: BarrierKey
  /** One that is committed. */
  readonly done: BarrierKey
}

/**
 * What waits for a lock fails after a second. The tables are as good as empty, where the server may
 * read a whole one instead of an index.
 */
describe.each(['read committed', 'repeatable read', 'serializable'])(
  'beside an open transaction at %s that holds a marker, a barrier and a once row',
  (level) => {
    async function openBeside(): Promise<Beside> {
      const h = await openForTest({ session: ['set innodb_lock_wait_timeout = 1'] })
      const [held, done] = [await newKey(h.database), await newKey(h.database)]
      await committed(h, (connection) => use(h, connection, done))
      // An earlier step of the job that is at work in the open transaction.
      await h.database.transaction(async (connection) => {
        await h.database.once.take(h.database.context(connection), onceOf(held, 0))
      })
      const holder = await h.pool.getConnection()
      onTestFinished(async () => {
        await holder.rollback()
        holder.release()
      })
      await holder.query(`set transaction isolation level ${level}`)
      await holder.beginTransaction()
      await use(h, holder, held, 1)
      return { h, held, done }
    }

    test('a commit is answered', async () => {
      const { h, done } = await openBeside()
      expect(await h.database.barrier.resolve(done)).toBe('committed')
    })

    test('a gid that nobody has is decided', async () => {
      const { h } = await openBeside()
      expect(await h.database.barrier.resolve(await newKey(h.database))).toBe('rolledBack')
    })

    test('other transactions hold theirs, and store what once did', async () => {
      const { h } = await openBeside()
      const key = await newKey(h.database)
      await committed(h, (connection) => use(h, connection, key))
      await h.database.transaction(async (connection) => {
        const context = h.database.context(connection)
        expect(await h.database.once.take(context, onceOf(key, 0))).toEqual({ value: '1' })
      })
    })

    test('what is past is cleaned away, and nothing else', async () => {
      const { h, held } = await openBeside()
      await h.database.barrier.resolve(await newKey(h.database))
      await age(h, 'create_time', 'stepping_barrier', 'id')
      await prune(h)
      await age(h, 'over_at', 'stepping_once', 'gid, step, key_hash, owner')
      await prune(h)
      expect(await h.query('select gid from stepping_barrier')).toEqual([])
      expect(await h.query('select gid from stepping_once')).toEqual([])
      await expect(h.database.barrier.resolve(held)).rejects.toMatchObject({
        code: 'BARRIER_UNDECIDED',
      })
    })
  },
)

async function use(
  h: Harness,
  connection: PoolConnection,
  key: BarrierKey,
  step = 0,
): Promise<void> {
  const context = h.database.context(connection)
  await context.assertUsable()
  await h.database.barrier.insert(context, key)
  await h.database.once.take(context, onceOf(key, step))
  await h.database.once.store(context, onceOf(key, step), '1')
}

function onceOf({ gid, notAfter }: BarrierKey, index: number): OnceKey {
  return { gid, notAfter, index, key: '', owner: 'shop' }
}

/** Each row that is committed by its whole key: else this would be what waits. */
async function age(h: Harness, column: string, table: string, key: string): Promise<void> {
  const isThis = key.replaceAll(/\w+/g, '$& = ?').replaceAll(',', ' and')
  for (const row of await h.query(`select ${key} from ${table}`)) {
    await h.query(
      `update ${table} set ${column} = utc_timestamp() - interval 1 year where ${isThis}`,
      Object.values(row),
    )
  }
}

async function prune(h: Harness): Promise<void> {
  await h.database.prune({
    owners: ['shop'],
    over: async (gids) => new Set(gids),
    active: async () => new Set(),
  })
}
