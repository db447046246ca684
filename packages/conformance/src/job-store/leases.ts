import { expect, test } from 'vitest'
import {
  claimedGids,
  claimNew,
  claimOne,
  claimPrepared,
  leaseMs,
  preparedEndings,
  settle,
  stepEndings,
} from './claims.ts'
import type { JobStoreHarness } from './harness.ts'

export function describeLeases({ open }: JobStoreHarness): void {
  test('a job that is held is not handed out until its lease has run out', async () => {
    const { store, pass } = await open()
    const { gid } = await claimNew(store, 'A')
    await pass(leaseMs - 4_000)
    expect(await claimedGids(store)).toEqual([])
    await pass(4_001)
    expect(await claimedGids(store)).toEqual([gid])
  })

  test('each claim has a token of its own', async () => {
    const { store, pass } = await open()
    const first = await claimNew(store, 'A')
    await pass(leaseMs + 1)
    const second = await claimOne(store)
    expect(second.token).toBeGreaterThan(first.token)
  })

  test('an attempt whose lease ran out counts as one, one that was given back does not', async () => {
    const { store, pass } = await open()
    const first = await claimNew(store, 'A')
    await settle(store, first, { to: 'returned', inMs: 0 })
    expect(await claimOne(store)).toMatchObject({ attempts: 0, cutOff: false })
    await pass(leaseMs + 1)
    expect(await claimOne(store)).toMatchObject({ attempts: 1, cutOff: true })
    await pass(leaseMs + 1)
    expect(await claimOne(store)).toMatchObject({ attempts: 2, cutOff: true })
  })

  test('a renewal prolongs the lease', async () => {
    const { store, pass } = await open()
    const claim = await claimNew(store, 'A')
    await pass(leaseMs - 4_000)
    expect([...(await store.renew([claim], leaseMs))]).toEqual([claim.gid])
    await pass(leaseMs - 4_000)
    expect(await claimedGids(store)).toEqual([])
  })

  test('a lease that has run out can be renewed while nobody took the job', async () => {
    const { store, pass } = await open()
    const claim = await claimNew(store, 'A')
    await pass(60_000)
    expect([...(await store.renew([claim], leaseMs))]).toEqual([claim.gid])
    expect(await claimedGids(store)).toEqual([])
  })

  test('a renewal answers for each job by itself', async () => {
    const { store, pass } = await open()
    const lost = await claimNew(store, 'A')
    await pass(leaseMs + 1)
    await claimOne(store)
    const held = await claimNew(store, 'A')
    const renewed = await store.renew([lost, held], leaseMs)
    expect([...renewed]).toEqual([held.gid])
  })

  test('an old holder does not prolong the lease of the new one', async () => {
    const { store, pass } = await open()
    const old = await claimNew(store, 'A')
    await pass(leaseMs + 1)
    await claimOne(store)
    await pass(leaseMs - 4_000)
    await store.renew([old], 60_000)
    await pass(4_001)
    expect(await claimedGids(store)).toEqual([old.gid])
  })

  test('a lease that was given up is not renewed', async () => {
    const { store } = await open()
    const claim = await claimNew(store, 'A')
    await settle(store, claim, { to: 'returned', inMs: 0 })
    expect([...(await store.renew([claim], leaseMs))]).toEqual([])
    expect(await claimedGids(store)).toEqual([claim.gid])
  })

  test('progress renews the lease', async () => {
    const { store, pass } = await open()
    const claim = await claimNew(store, 'A', 'B')
    await pass(leaseMs - 4_000)
    await settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })
    await pass(leaseMs - 4_000)
    expect(await claimedGids(store)).toEqual([])
  })

  test.each(stepEndings)('an old holder cannot write that a step $to', async (to) => {
    const { store, pass, stored } = await open()
    const old = await claimNew(store, 'A', 'B')
    await pass(leaseMs + 1)
    const holder = await claimOne(store)
    const before = await stored(old.gid)
    expect(await settle(store, old, to)).toBe('lost')
    expect(await stored(old.gid)).toEqual(before)
    expect([...(await store.renew([holder], leaseMs))]).toEqual([old.gid])
  })

  test.each(preparedEndings)('an old holder cannot write that a prepared job $to', async (to) => {
    const opened = await open()
    const { store, pass, stored } = opened
    const { job, ...old } = await claimPrepared(opened)
    await pass(leaseMs + 1)
    const holder = await claimOne(store)
    const before = await stored(job.gid)
    expect(await settle(store, old, to)).toBe('lost')
    expect(await stored(job.gid)).toEqual(before)
    expect([...(await store.renew([holder], leaseMs))]).toEqual([job.gid])
  })

  test.each(stepEndings)(
    'after an operator ended the job its holder cannot write $to',
    async (to) => {
      const { store, pass, stored } = await open()
      const old = await claimNew(store, 'A', 'B')
      await pass(leaseMs + 1)
      await store.end((await store.find(old.gid))!, 'cancelled')
      expect(await settle(store, old, to)).toBe('lost')
      expect([...(await store.renew([old], leaseMs))]).toEqual([])
      expect(await stored(old.gid)).toMatchObject({ state: 'cancelled' })
    },
  )
}
