import { barrierRetentionMs, onceRetentionMs } from '@stepping/core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { drivers } from './harness.ts'
import type { Harness } from './harness.ts'

const hourMs = 3_600_000

describe.each(drivers)('prune over $name', (driver) => {
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
  })
  afterAll(async () => {
    await h.close()
  })
  beforeEach(async () => {
    await h.query('delete from stepping.barrier')
    await h.query('delete from stepping.once')
  })

  test('takes all that is old, in batches, and stops where rows are young', async () => {
    const old = Array.from({ length: 1_203 }, (_, i) => `old ${i}`)
    const over = old.filter((_, i) => i % 3 !== 0)
    await barrierRows(old.map((gid) => [gid, 'msg', barrierRetentionMs + hourMs]))
    await barrierRows(['young 1', 'young 2'].map((gid) => [gid, 'msg', 0]))
    const asked: number[] = []
    expect(
      await prune({ over: [...over, 'young 1'], onAsk: (gids) => asked.push(gids.length) }),
    ).toBe(over.length)
    expect(new Set(await barrierGids())).toEqual(
      new Set([...old.filter((gid) => !over.includes(gid)), 'young 1', 'young 2']),
    )
    expect(asked).toEqual([500, 500, 203])
  })

  test('does not look at all that is young', async () => {
    await barrierRows(Array.from({ length: 1_100 }, (_, i) => [`young ${i}`, 'msg', 0]))
    const asked: number[] = []
    await prune({ onAsk: (gids) => asked.push(gids.length) })
    expect(asked).toHaveLength(1)
  })

  test('looks at all once rows, in batches', async () => {
    const gids = Array.from({ length: 1_100 }, (_, i) => `g${i}`)
    await onceRows(gids.map((gid) => [gid, 'shop', null]))
    await prune({ active: ['g7', 'g1099'] })
    expect(await overOnceGids()).toHaveLength(1_098)
  })

  test('takes all old once rows, in batches', async () => {
    const gids = Array.from({ length: 1_100 }, (_, i) => `g${i}`)
    await onceRows(gids.map((gid) => [gid, 'shop', onceRetentionMs + hourMs]))
    expect(await prune()).toBe(1_100)
    expect(await onceGids()).toEqual([])
  })

  interface Known {
    readonly over?: readonly string[]
    readonly active?: readonly string[]
    readonly onAsk?: (gids: readonly string[]) => void
  }

  /** As a transaction manager that knows these jobs. */
  async function prune({ over = [], active = [], onAsk }: Known = {}): Promise<number> {
    return await h.database.prune({
      owners: ['shop'],
      over: async (gids) => {
        onAsk?.(gids)
        return among(over, gids)
      },
      active: async (gids) => among(active, gids),
    })
  }

  async function barrierRows(rows: [gid: string, reason: string, ageMs: number][]): Promise<void> {
    await h.query(
      `insert into stepping.barrier (trans_type, gid, branch_id, op, barrier_id, reason, create_time)
      select 'msg', r->>0, '00', 'msg', '01', r->>1, clock_timestamp() - (r->>2)::float8 * interval '1 ms'
      from json_array_elements($1::json) with ordinality as each (r, n)`,
      [JSON.stringify(rows)],
    )
  }

  /** `overMs`: how long ago their job was seen to be over; null: it was not. */
  async function onceRows(
    rows: [gid: string, owner: string, overMs: number | null][],
  ): Promise<void> {
    await h.query(
      `insert into stepping.once (gid, step, key, owner, over_at)
      select r->>0, n, '', r->>1, clock_timestamp() - (r->>2)::float8 * interval '1 ms'
      from json_array_elements($1::json) with ordinality as each (r, n)`,
      [JSON.stringify(rows)],
    )
  }

  async function barrierGids(): Promise<unknown[]> {
    return (await h.query('select gid from stepping.barrier')).map((row) => row['gid'])
  }

  async function onceGids(): Promise<unknown[]> {
    return (await h.query('select gid from stepping.once')).map((row) => row['gid'])
  }

  async function overOnceGids(): Promise<unknown[]> {
    const rows = await h.query('select gid from stepping.once where over_at is not null')
    return rows.map((row) => row['gid'])
  }
})

function among(known: readonly string[], gids: readonly string[]): ReadonlySet<string> {
  return new Set(gids.filter((gid) => known.includes(gid)))
}
