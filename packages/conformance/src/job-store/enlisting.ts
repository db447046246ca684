import type { HeldLease, NewLease } from '@stepping/self-tm'
import { expect, test } from 'vitest'
import { claimedGids, leaseMs } from './claims.ts'
import type { JobStoreHarness } from './harness.ts'
import { jobOf } from './jobs.ts'

export function describeEnlisting({ open }: JobStoreHarness): void {
  test('a lease of a transaction that rolled back does not fit the row of the next one', async ({
    skip,
  }) => {
    const { store, inTransaction } = await open()
    if (!inTransaction) return skip('no transaction reaches this store')
    const job = jobOf(['A'], { callerGid: true })
    const old: HeldLease = { gid: job.gid, token: 41 }
    const held: HeldLease = { gid: job.gid, token: 67 }
    const rolledBack = inTransaction(async (context) => {
      await store.enlist(context, job, leaseOf(old))
      throw new Error('rolled back')
    })
    await expect(rolledBack).rejects.toThrow('rolled back')
    await inTransaction(async (context) => {
      expect(await store.enlist(context, job, leaseOf(held))).toBe(true)
    })
    expect([...(await store.renew([old], leaseMs))]).toEqual([])
    const results = await store.settle([{ ...old, cursor: 0, to: 'finished' }])
    expect([...results]).toEqual([[job.gid, 'lost']])
    expect([...(await store.renew([held], leaseMs))]).toEqual([job.gid])
    expect(await claimedGids(store)).toEqual([])
  })
}

function leaseOf({ token }: HeldLease): NewLease {
  return { owner: 'me', leaseMs, token }
}
