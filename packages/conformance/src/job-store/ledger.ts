import { jobRetentionMs } from '@stepping/core'
import { describe, expect, test } from 'vitest'
import { claimNew, leaseMs, request, settle } from './claims.ts'
import type { JobStoreHarness } from './harness.ts'
import { jobOf, tiedJobOf } from './jobs.ts'

export function describeLedger({ open }: JobStoreHarness): void {
  describe('find', () => {
    test('shows where a job stands', async () => {
      const { store } = await open()
      const claim = await claimNew(store, 'A', 'B')
      await settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })
      expect(await store.find(claim.gid)).toEqual({
        gid: claim.gid,
        app: 'shop',
        state: 'submitted',
        steps: [
          { name: 'A', done: true },
          { name: 'B', done: false },
        ],
        attempts: 0,
        lastError: null,
        running: true,
        dueAt: expect.any(Date),
        createdAt: expect.any(Date),
        finishedAt: null,
      })
    })

    test('does not call a job running whose lease has run out', async () => {
      const { store, pass } = await open()
      const { gid } = await claimNew(store, 'A')
      await pass(leaseMs + 1)
      expect(await store.find(gid)).toMatchObject({ running: false })
    })

    test('is null for a gid that no job has', async () => {
      const { store } = await open()
      expect(await store.find('nobody')).toBeNull()
      expect(await store.databaseOf('nobody')).toBeUndefined()
    })
  })

  test('overview counts the jobs of one app that are not over', async () => {
    const { store } = await open()
    await store.prepare(tiedJobOf(['A']))
    await settle(store, await claimNew(store, 'A'), { to: 'parked', error: 'out of paper' })
    await settle(store, await claimNew(store, 'A'), { to: 'finished' })
    await claimNew(store, 'A')
    await store.submit(jobOf(['A']))
    await store.submit(jobOf(['A'], { app: 'market' }))
    expect(await store.overview('shop')).toEqual({ prepared: 1, submitted: 2, parked: 1 })
  })

  describe('prune', () => {
    test('keeps what is over until no message about it can arrive any more', async () => {
      const { store, pass, stored } = await open()
      const claim = await claimNew(store, 'A')
      await settle(store, claim, { to: 'finished' })
      await pass(jobRetentionMs - 60_000)
      expect(await store.prune(10)).toBe(0)
      await pass(60_001)
      expect(await store.prune(10)).toBe(1)
      expect(await stored(claim.gid)).toBeNull()
    })

    test('never deletes a job that is not over, however old', async () => {
      const { store, pass } = await open()
      await store.prepare(tiedJobOf(['A']))
      await settle(store, await claimNew(store, 'A'), { to: 'parked', error: 'out of paper' })
      await store.submit(jobOf(['A']))
      await pass(10 * jobRetentionMs)
      expect(await store.prune(10)).toBe(0)
      expect(await store.overview('shop')).toEqual({ prepared: 1, submitted: 1, parked: 1 })
    })

    test('deletes no more than it was told to', async () => {
      const { store, pass } = await open()
      for (let i = 0; i < 5; i++) await store.submit(jobOf(['A']))
      const { claims } = await store.claim(request())
      for (const claim of claims) await settle(store, claim, { to: 'finished' })
      await pass(jobRetentionMs + 1)
      expect(await store.prune(3)).toBe(3)
      expect(await store.prune(3)).toBe(2)
    })
  })

  test('over and active pick out the jobs that it knows by whether they are over', async () => {
    const { store } = await open()
    const prepared = tiedJobOf(['A'])
    await store.prepare(prepared)
    const parked = await claimNew(store, 'A')
    await settle(store, parked, { to: 'parked', error: 'out of paper' })
    const finished = await claimNew(store, 'A')
    await settle(store, finished, { to: 'finished' })
    const cancelled = jobOf(['A'])
    await store.submit(cancelled)
    await store.end((await store.find(cancelled.gid))!, 'cancelled')
    const dropped = tiedJobOf(['A'])
    await store.prepare(dropped)
    await store.end((await store.find(dropped.gid))!, 'rolledBack')
    const submitted = await claimNew(store, 'A')
    const all = {
      prepared,
      parked,
      finished,
      cancelled,
      dropped,
      submitted,
      unknown: { gid: 'nobody' },
    }
    const gids = Object.values(all).map(({ gid }) => gid)
    const names = async (picked: Promise<ReadonlySet<string>>): Promise<string[]> => {
      const found = await picked
      return Object.entries(all).flatMap(([name, { gid }]) => (found.has(gid) ? [name] : []))
    }
    expect(await names(store.over(gids))).toEqual(['finished', 'cancelled', 'dropped'])
    expect(await names(store.active(gids))).toEqual(['prepared', 'parked', 'submitted'])
    expect([...(await store.over([]))]).toEqual([])
  })
}
