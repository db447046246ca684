import { expect, test } from 'vitest'
import { useMysql } from './mysql-store.ts'

const { open } = useMysql()

const jobs = 5_000

test('a lease is written over a row where it stands: pages that are full of jobs need no more room for it', async () => {
  const { store, query, prefix } = await open()
  for (let from = 0; from < jobs; from += 1_000) await query(insertFrom(from))
  const bytes = async (): Promise<unknown> => {
    await query('analyze table $job')
    const [table] = await query(
      `select data_length as bytes from information_schema.tables
       where table_schema = database() and table_name = '${prefix}job'`,
    )
    return table!['bytes']
  }
  const before = await bytes()
  const request = { app: 'shop', leaseMs: 60_000, stepNames: ['A'], limit: 500 }
  const owner = '4194304-0a1b2c3d'
  const claimed = new Set<string>()
  while (claimed.size < jobs) {
    const { claims } = await store.claim({ ...request, owner })
    for (const { gid } of claims) claimed.add(gid)
  }
  expect(await bytes()).toBe(before)
})

/** In the order of their key, which fills the pages. */
function insertFrom(from: number): string {
  const rows = Array.from(
    { length: 1_000 },
    (_, n) =>
      `('job-${String(from + n).padStart(6, '0')}', 'shop', 'submitted', '[["A"]]', 'A', 0, utc_timestamp(3))`,
  )
  return `insert into $job (gid, app, state, steps, next_step, keep, due_at) values ${rows.join()}`
}
