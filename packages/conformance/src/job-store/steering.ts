import { describe, expect, test } from 'vitest'
import { claimedGids, claimNew, claimOne, claimPrepared, leaseMs, settle } from './claims.ts'
import type { JobStoreHarness } from './harness.ts'
import { jobOf, tiedJobOf } from './jobs.ts'

export function describeSteering({ open }: JobStoreHarness): void {
  describe('retry', () => {
    test('makes a parked job run again, with its attempts counted anew', async () => {
      const { store } = await open()
      const claim = await claimNew(store, 'A')
      await settle(store, claim, { to: 'parked', error: 'out of paper' })
      expect(await store.retry(claim.gid)).toBe(true)
      expect(await claimOne(store)).toMatchObject({ gid: claim.gid, attempts: 0, cursor: 0 })
    })

    test('makes a waiting job due, with the attempts that it had', async () => {
      const { store } = await open()
      const claim = await claimNew(store, 'A')
      await settle(store, claim, { to: 'retried', inMs: 3_600_000, error: 'no luck' })
      expect(await store.retry(claim.gid)).toBe(true)
      expect(await claimOne(store)).toMatchObject({ gid: claim.gid, attempts: 1 })
    })

    test('has a prepared job asked about at once', async () => {
      const { store } = await open()
      const job = tiedJobOf(['A'])
      await store.prepare(job)
      expect(await store.retry(job.gid)).toBe(true)
      expect(await claimOne(store)).toMatchObject({ gid: job.gid, state: 'prepared' })
    })

    test('does not touch a lease', async () => {
      const { store } = await open()
      const claim = await claimNew(store, 'A')
      expect(await store.retry(claim.gid)).toBe(true)
      expect(await claimedGids(store)).toEqual([])
      expect(await settle(store, claim, { to: 'finished' })).toBe('saved')
    })

    test.each([
      { to: 'retried', inMs: 3_600_000, error: 'no luck' } as const,
      { to: 'parked', error: 'out of paper' } as const,
    ])('outlives the failure of the attempt that ran meanwhile ($to)', async (to) => {
      const { store } = await open()
      const claim = await claimNew(store, 'A')
      await store.retry(claim.gid)
      await settle(store, claim, to)
      expect(await claimOne(store)).toMatchObject({ gid: claim.gid, attempts: 1 })
    })

    test.each([
      { to: 'retried', inMs: 3_600_000, error: 'no luck' } as const,
      { to: 'parked', error: 'out of paper' } as const,
    ])('outlives the failure of an attempt whose lease had run out ($to)', async (to) => {
      const { store, pass } = await open()
      const claim = await claimNew(store, 'A')
      await pass(leaseMs + 1)
      await store.retry(claim.gid)
      expect([...(await store.renew([claim], leaseMs))]).toEqual([claim.gid])
      await settle(store, claim, to)
      expect(await claimOne(store)).toMatchObject({ gid: claim.gid, attempts: 1 })
    })

    test('has a job whose lease had run out taken at once', async () => {
      const { store, pass } = await open()
      const claim = await claimNew(store, 'A')
      await pass(leaseMs + 1)
      await store.retry(claim.gid)
      expect(await claimedGids(store)).toEqual([claim.gid])
    })

    test('holds for one failure', async () => {
      const { store } = await open()
      const claim = await claimNew(store, 'A')
      await store.retry(claim.gid)
      await settle(store, claim, { to: 'retried', inMs: 3_600_000, error: 'no luck' })
      await settle(store, await claimOne(store), { to: 'parked', error: 'out of paper' })
      expect(await store.find(claim.gid)).toMatchObject({ state: 'parked' })
    })

    test.each(['advanced', 'submitted'] as const)(
      'is done with once the job went on (%s)',
      async (to) => {
        const opened = await open()
        const { store } = opened
        const claim =
          to === 'advanced' ? await claimNew(store, 'A', 'B') : await claimPrepared(opened)
        await store.retry(claim.gid)
        await settle(
          store,
          claim,
          to === 'advanced' ? { to, nextStep: 'B', leaseMs } : { to, leaseMs },
        )
        const next = { ...claim, cursor: to === 'advanced' ? 1 : 0 }
        await settle(store, next, { to: 'retried', inMs: 3_600_000, error: 'no luck' })
        expect(await claimedGids(store)).toEqual([])
      },
    )

    test('outlives the repeat of the ending that submitted its job', async () => {
      const opened = await open()
      const { store } = opened
      const claim = await claimPrepared(opened)
      expect(await settle(store, claim, { to: 'submitted', leaseMs })).toBe('saved')
      await store.retry(claim.gid)
      expect(await settle(store, claim, { to: 'submitted', leaseMs })).toBe('saved')
      await settle(store, claim, { to: 'retried', inMs: 3_600_000, error: 'no luck' })
      expect(await claimOne(store)).toMatchObject({ gid: claim.gid, attempts: 1 })
    })

    test('is done with once the app submitted the job that was being asked about', async () => {
      const opened = await open()
      const { store } = opened
      const { job } = await claimPrepared(opened)
      await store.retry(job.gid)
      await store.submit(job)
      const claim = await claimOne(store)
      await settle(store, claim, { to: 'retried', inMs: 3_600_000, error: 'no luck' })
      expect(await claimedGids(store)).toEqual([])
    })

    test('is false for a job that is unknown or over', async () => {
      const { store } = await open()
      const claim = await claimNew(store, 'A')
      await settle(store, claim, { to: 'finished' })
      expect(await store.retry(claim.gid)).toBe(false)
      expect(await store.retry('nobody')).toBe(false)
    })
  })

  describe('end', () => {
    test.each(['cancelled', 'rolledBack'] as const)('ends a job as %s', async (as) => {
      const { store, stored } = await open()
      const job = tiedJobOf(['A'])
      await store.prepare(job)
      expect(await store.end((await store.find(job.gid))!, as)).toBe(true)
      expect(await stored(job.gid)).toMatchObject({ state: as })
      expect((await store.find(job.gid))!.finishedAt).toBeInstanceOf(Date)
    })

    test('ends a parked job', async () => {
      const { store, stored } = await open()
      const claim = await claimNew(store, 'A')
      await settle(store, claim, { to: 'parked', error: 'out of paper' })
      expect(await store.end((await store.find(claim.gid))!, 'cancelled')).toBe(true)
      expect(await stored(claim.gid)).toMatchObject({ state: 'cancelled' })
    })

    test('leaves a job alone that somebody holds', async () => {
      const { store, stored } = await open()
      const claim = await claimNew(store, 'A')
      expect(await store.end((await store.find(claim.gid))!, 'cancelled')).toBe(false)
      expect(await stored(claim.gid)).toMatchObject({ state: 'submitted' })
      expect([...(await store.renew([claim], leaseMs))]).toEqual([claim.gid])
    })

    test('leaves a job alone that went on since it was seen', async () => {
      const { store, stored } = await open()
      const job = jobOf(['A', 'B'])
      await store.submit(job)
      const seen = (await store.find(job.gid))!
      const claim = await claimOne(store)
      await settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })
      await settle(store, { ...claim, cursor: 1 }, { to: 'returned', inMs: 0 })
      expect(await store.end(seen, 'cancelled')).toBe(false)
      expect(await stored(job.gid)).toMatchObject({ state: 'submitted', cursor: 1 })
    })

    test('leaves a job alone whose state changed since it was seen', async () => {
      const { store, stored } = await open()
      const job = tiedJobOf(['A'])
      await store.prepare(job)
      const seen = (await store.find(job.gid))!
      await store.submit(job)
      expect(await store.end(seen, 'rolledBack')).toBe(false)
      expect(await stored(job.gid)).toMatchObject({ state: 'submitted' })
    })
  })
}
