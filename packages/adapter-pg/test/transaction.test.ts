import type { PoolClient } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begun, newKey, open, order } from './harness.ts'
import type { Harness } from './harness.ts'

const outOfStock = new Error('out of stock')

describe('a transaction', () => {
  let h: Harness
  beforeAll(async () => {
    h = await open({ pool: { max: 1 } })
    await h.query('create table paid (n int unique deferrable initially deferred)')
  })
  afterAll(async () => {
    await h.close()
  })

  test.each([
    [{}, 'read committed', 'off', 'off'],
    [{ isolationLevel: 'repeatable read' }, 'repeatable read', 'off', 'off'],
    [
      { isolationLevel: 'serializable', accessMode: 'read only', deferrable: true },
      'serializable',
      'on',
      'on',
    ],
    [{ accessMode: 'read write', deferrable: false }, 'read committed', 'off', 'off'],
  ] as const)('with the options %j is %s', async (options, level, readOnly, deferrable) => {
    const settings = await h.database.transaction(async (client) => {
      const { rows } = await client.query(`
        select current_setting('transaction_isolation') as level,
          current_setting('transaction_read_only') as "readOnly",
          current_setting('transaction_deferrable') as deferrable`)
      return rows[0] as unknown
    }, options)
    expect(settings).toEqual({ level, readOnly, deferrable })
  })

  test('rejects when the error of a failed statement was swallowed', async () => {
    const swallowed = h.database.transaction(async (client) => {
      await order(client, 'swallowed')
      await client.query('select 1 / 0').catch(() => {})
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await h.skus()).not.toContain('swallowed')
  })

  test('rejects when a statement that nobody awaited failed', async () => {
    const unawaited = h.database.transaction(async (client) => {
      await order(client, 'unawaited')
      client.query('select 1 / 0').catch(() => {})
    })
    await expect(unawaited).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
    expect(await h.skus()).not.toContain('unawaited')
  })

  test('rejects when its work sent the ROLLBACK and went on', async () => {
    const gone = h.database.transaction(async (client) => {
      await client.query('rollback')
    })
    await expect(gone).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' })
  })

  test('whose work sent the COMMIT tells that it did, and that no step will run', async () => {
    const ended = h.database.transaction(async (client) => {
      const context = h.database.context(client)
      await order(client, 'committed inside')
      await client.query('commit')
      await context.assertUsable()
    })
    await expect(ended).rejects.toMatchObject({
      code: 'TRANSACTION_UNUSABLE',
      message: expect.stringMatching(
        /something in the callback sent COMMIT.*may be committed, and no step .* will run/,
      ) as string,
    })
  })

  test('rejects with the error of a constraint that is checked at the commit', async () => {
    const violated = h.database.transaction(async (client) => {
      await client.query('insert into paid values (1), (1)')
    })
    await expect(violated).rejects.toMatchObject({ code: '23505' })
  })

  test.each([
    ['committed', async () => {}],
    ['rolled back', async () => Promise.reject(outOfStock)],
    ['refused', async (client: PoolClient) => client.query('insert into paid values (2), (2)')],
  ])('that was %s gives its connection back for the next one', async (_end, work) => {
    const backend = async (): Promise<unknown> =>
      (await h.pool.query('select pg_backend_pid() as pid')).rows[0].pid
    const before = await backend()
    await h.database.transaction<unknown>(work).catch(() => {})
    expect(await backend()).toBe(before)
  })

  test('whose work gives the client back commits nothing, and rejects', async () => {
    const released = h.database.transaction(async (client) => {
      await order(client, 'released')
      client.release()
    })
    await expect(released).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    expect(await h.skus()).not.toContain('released')
  })
})

describe('the proof of a commit', () => {
  let h: Harness
  beforeAll(async () => {
    h = await open({ pool: { max: 1 } })
  })
  afterAll(async () => {
    await h.close()
  })

  /** Inserts our row and then does `after`, in a transaction that this adapter commits. */
  async function proved(after: (client: PoolClient) => Promise<unknown>): Promise<unknown> {
    const key = await newKey(h.database)
    const proofs: (() => boolean)[] = []
    await h.database
      .transaction(async (client) => {
        const context = h.database.context(client)
        proofs.push(() => context.provedCommit!())
        await h.database.barrier.insert(context, key)
        await after(client)
      })
      .catch(() => {})
    return proofs[0]!()
  }

  test('is there when our statement was the last before it', async () => {
    expect(await proved(async () => {})).toBe(true)
  })

  test('is missing when another statement came after ours', async () => {
    expect(await proved((client) => client.query('select 1'))).toBe(false)
  })

  test('is missing when another of our statements came after', async () => {
    const other = await newKey(h.database)
    const insertAnother = async (client: PoolClient): Promise<void> =>
      await h.database.barrier.insert(h.database.context(client), other)
    expect(await proved(insertAnother)).toBe(false)
  })

  test('is missing while it is open', async () => {
    const key = await newKey(h.database)
    const proof = await h.database.transaction(async (client) => {
      const context = h.database.context(client)
      await h.database.barrier.insert(context, key)
      return context.provedCommit!()
    })
    expect(proof).toBe(false)
  })

  test('is missing when it was rolled back', async () => {
    expect(await proved(() => Promise.reject(outOfStock))).toBe(false)
  })

  test('is there when the context itself commits', async () => {
    const key = await newKey(h.database)
    const proof = await begun(h, async (client) => {
      const context = h.database.context(client)
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
      await context.commit()
      return context.provedCommit!()
    })
    expect(proof).toBe(true)
  })

  test('is missing when the user rolled back to a savepoint before the commit', async () => {
    const key = await newKey(h.database)
    const proof = await begun(h, async (client) => {
      await client.query('savepoint here')
      const context = h.database.context(client)
      await context.assertUsable()
      await h.database.barrier.insert(context, key)
      await client.query('rollback to here')
      await context.commit()
      return context.provedCommit!()
    })
    expect(proof).toBe(false)
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('is missing in a pipeline, where more may have been answered', async () => {
    const pipelined = await open({ url: h.url, pool: { max: 1, pipeline: true } })
    const key = await newKey(pipelined.database)
    const proof = await begun(pipelined, async (client) => {
      await client.query('savepoint here')
      const context = pipelined.database.context(client)
      await context.assertUsable()
      const inserted = pipelined.database.barrier.insert(context, key)
      const undone = client.query('rollback to here')
      await Promise.all([inserted, undone])
      await context.commit()
      return context.provedCommit!()
    })
    await pipelined.close()
    expect(proof).toBe(false)
    expect(await h.barrier(key.gid)).toEqual([])
  })
})
