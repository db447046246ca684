import type { Claim, Settlement } from '@stepping/self-tm'
import { expect, test } from 'vitest'
import { claimNew, claimOne, ending, leaseMs, settle } from './claims.ts'
import type { JobStoreHarness, OpenStore } from './harness.ts'
import { jobOf } from './jobs.ts'

const keepsAll = 'no transaction reaches this store, so each of its rows is kept'

/** A row that its own transaction inserted need not be kept for late messages. */
export function describeFinishing({ open }: JobStoreHarness): void {
  test('a job that cannot be sent again is deleted, also by a call that is repeated', async ({
    skip,
  }) => {
    const opened = await open()
    if (!opened.inTransaction) return skip(keepsAll)
    const claim = await claimTied(opened, 'A')
    expect(await settle(opened.store, claim, { to: 'finished' })).toBe('saved')
    expect(await opened.stored(claim.gid)).toBeNull()
    expect(await settle(opened.store, claim, { to: 'finished' })).toBe('saved')
  })

  test.for<[string, Partial<Claim>, (opened: OpenStore, claim: Claim) => Promise<unknown>]>([
    ['under another token', { token: 7 }, async () => {}],
    ['at another cursor', { cursor: 1 }, async () => {}],
    [
      'by a holder that gave its lease up',
      {},
      ({ store }, claim) => settle(store, claim, { to: 'returned', inMs: 0 }),
    ],
    [
      'by a holder that lost it to another one',
      {},
      async ({ store, pass }) => {
        await pass(leaseMs + 1)
        await claimOne(store)
      },
    ],
  ])('it is not deleted %s', async ([, wrong, before], { skip }) => {
    const opened = await open()
    if (!opened.inTransaction) return skip(keepsAll)
    const claim = await claimTied(opened, 'A')
    await before(opened, claim)
    expect(await settle(opened.store, { ...claim, ...wrong }, { to: 'finished' })).toBe('lost')
    expect(await opened.stored(claim.gid)).toMatchObject({ state: 'submitted', cursor: 0 })
  })

  test('it is one of a batch of all kinds', async ({ skip }) => {
    const opened = await open()
    if (!opened.inTransaction) return skip(keepsAll)
    const { store, stored } = opened
    const deleted = [await claimTied(opened, 'A', 'B'), await claimTied(opened, 'A', 'B')]
    const lost = await claimTied(opened, 'A', 'B')
    const kept = await claimNew(store, 'A', 'B')
    const advanced = await claimNew(store, 'A', 'B')
    const batch: Settlement[] = [
      ending(deleted[0]!, { to: 'finished' }),
      ending(kept, { to: 'finished' }),
      ending(advanced, { to: 'advanced', nextStep: 'B', leaseMs }),
      ending({ ...lost, token: 7 }, { to: 'finished' }),
      ending(deleted[1]!, { to: 'finished' }),
    ]
    const results = await store.settle(batch)
    expect(batch.map(({ gid }) => results.get(gid))).toEqual([
      'saved',
      'saved',
      'saved',
      'lost',
      'saved',
    ])
    for (const { gid } of deleted) expect(await stored(gid)).toBeNull()
    expect(await stored(kept.gid)).toMatchObject({ state: 'finished', cursor: 1 })
    expect(await stored(advanced.gid)).toMatchObject({ state: 'submitted', cursor: 1 })
    expect(await stored(lost.gid)).toMatchObject({ state: 'submitted', cursor: 0 })
  })
}

/** A job that its own transaction inserted, claimed. */
async function claimTied(
  { store, inTransaction }: OpenStore,
  ...steps: readonly string[]
): Promise<Claim> {
  await inTransaction!(async (context) => void (await store.enlist(context, jobOf(steps))))
  return await claimOne(store)
}
