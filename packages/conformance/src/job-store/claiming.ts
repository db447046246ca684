import { expect, test } from 'vitest'
import { jobOf, tiedJobOf } from './jobs.ts'
import { claimedGids, claimNew, claimOne, leaseMs, request, settle } from './claims.ts'
import type { JobStoreHarness } from './harness.ts'

export function describeClaiming({ open }: JobStoreHarness): void {
  // Where there is one writer at a time they wait for each other, and on a busy machine for long: their leases run longer.
  const whileMs = 120_000
  test('each of 200 jobs goes to one of 8 claimers', { timeout: whileMs }, async () => {
    const { store } = await open()
    const jobs = Array.from({ length: 200 }, () => jobOf(['A']))
    // Not all at once: where there is one writer at a time the last of 200 may be told that the store is locked.
    for (let from = 0; from < jobs.length; from += 20) {
      await Promise.all(jobs.slice(from, from + 20).map((job) => store.submit(job)))
    }
    const claimer = async (owner: string): Promise<string[]> => {
      const mine: string[] = []
      // A store without leases would hand out for ever.
      for (let misses = 0; misses < 3 && mine.length <= jobs.length;) {
        const gids = await claimedGids(store, { owner, limit: 7, leaseMs: whileMs })
        if (gids.length === 0) misses++
        mine.push(...gids)
      }
      return mine
    }
    const owners = Array.from({ length: 8 }, (_, i) => `claimer ${i}`)
    const claimed = (await Promise.all(owners.map(claimer))).flat()
    expect(claimed.toSorted()).toEqual(jobs.map(({ gid }) => gid).toSorted())
  })

  test('those that are due longest go first', async () => {
    const { store, pass } = await open()
    const gids: string[] = []
    for (const minutes of [30, 10, 40, 20]) {
      const claim = await claimNew(store, 'A')
      await settle(store, claim, { to: 'returned', inMs: minutes * 60_000 })
      gids.push(claim.gid)
    }
    await pass(3_600_000)
    const order = []
    for (let i = 0; i < 4; i++) order.push(...(await claimedGids(store, { limit: 1 })))
    expect(order).toEqual([1, 3, 0, 2].map((i) => gids[i]))
  })

  test('no more are handed out than were asked for', async () => {
    const { store } = await open()
    for (let i = 0; i < 5; i++) await store.submit(jobOf(['A']))
    expect(await claimedGids(store, { limit: 3 })).toHaveLength(3)
    expect(await claimedGids(store, { limit: 3 })).toHaveLength(2)
  })

  test('a claim says where the job stands', async () => {
    const { store, pass } = await open()
    const first = await claimNew(store, 'A', 'B')
    await settle(store, first, { to: 'advanced', nextStep: 'B', leaseMs })
    const atB = { ...first, cursor: 1 }
    await settle(store, atB, { to: 'retried', inMs: 1_000, error: 'no luck' })
    await pass(1_001)
    expect(await claimOne(store)).toMatchObject({ cursor: 1, attempts: 1, state: 'submitted' })
  })

  test('a job of another app is not handed out', async () => {
    const { store } = await open()
    await store.submit(jobOf(['A'], { app: 'market' }))
    expect(await claimedGids(store)).toEqual([])
  })

  test('a job is handed out only to those that know its next step', async () => {
    const { store } = await open()
    const job = jobOf(['A', 'B'])
    await store.submit(job)
    expect(await claimedGids(store, { stepNames: ['B'] })).toEqual([])
    const claim = await claimOne(store)
    await settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })
    await settle(store, { ...claim, cursor: 1 }, { to: 'returned', inMs: 0 })
    expect(await claimedGids(store, { stepNames: ['A'] })).toEqual([])
    expect(await claimedGids(store, { stepNames: ['B'] })).toEqual([job.gid])
  })

  test('a prepared job is handed out whatever its steps are', async () => {
    const { store, pass } = await open()
    const job = tiedJobOf(['Unheard'])
    await store.prepare(job)
    await pass(10_001)
    const { claims } = await store.claim(request({ stepNames: [] }))
    expect(claims).toMatchObject([{ gid: job.gid, state: 'prepared', database: job.database }])
  })

  test('a job that waits for its next attempt is handed out when that is due', async () => {
    const { store, pass } = await open()
    const claim = await claimNew(store, 'A')
    await settle(store, claim, { to: 'retried', inMs: 5_000, error: 'no luck' })
    await pass(4_000)
    expect(await claimedGids(store)).toEqual([])
    await pass(1_001)
    expect(await claimedGids(store)).toEqual([claim.gid])
  })

  test('what is over or parked is not handed out', async () => {
    const { store, pass } = await open()
    await settle(store, await claimNew(store, 'A'), { to: 'finished' })
    await settle(store, await claimNew(store, 'A'), { to: 'parked', error: 'out of paper' })
    const cancelled = jobOf(['A'])
    await store.submit(cancelled)
    await store.end((await store.find(cancelled.gid))!, 'cancelled')
    await pass(3_600_000)
    expect(await claimedGids(store)).toEqual([])
  })

  test('nextInMs says when a waiting job becomes due', async () => {
    const { store } = await open()
    await settle(store, await claimNew(store, 'A'), { to: 'returned', inMs: 30_000 })
    const { nextInMs } = await store.claim(request({ lookAheadMs: 60_000 }))
    expect(nextInMs).toBeGreaterThan(20_000)
    expect(nextInMs).toBeLessThanOrEqual(30_000)
  })

  test('nextInMs says when a lease runs out', async () => {
    const { store } = await open()
    await claimNew(store, 'A')
    const { nextInMs } = await store.claim(request({ lookAheadMs: 60_000 }))
    expect(nextInMs).toBeGreaterThan(0)
    expect(nextInMs).toBeLessThanOrEqual(leaseMs)
  })

  test.each([
    { why: 'nothing comes within that time', lookAheadMs: 20_000 },
    { why: 'it was not asked for' },
  ])('nextInMs is null when $why', async ({ lookAheadMs }) => {
    const { store } = await open()
    await settle(store, await claimNew(store, 'A'), { to: 'returned', inMs: 30_000 })
    const { nextInMs } = await store.claim(
      request(lookAheadMs === undefined ? {} : { lookAheadMs }),
    )
    expect(nextInMs).toBeNull()
  })

  test('nextInMs is null when a lease runs out later than that', async () => {
    const { store } = await open()
    await claimNew(store, 'A')
    const { nextInMs } = await store.claim(request({ lookAheadMs: 1_000 }))
    expect(nextInMs).toBeNull()
  })

  test('nextInMs leaves out jobs whose next step is not known here', async () => {
    const { store } = await open()
    await settle(store, await claimNew(store, 'A'), { to: 'returned', inMs: 30_000 })
    const { nextInMs } = await store.claim(request({ stepNames: ['B'], lookAheadMs: 60_000 }))
    expect(nextInMs).toBeNull()
  })

  test('unknownSteps names each step that overdue jobs wait for in vain, once', async () => {
    const { store, pass } = await open()
    await store.submit(jobOf(['Unheard']))
    await store.submit(jobOf(['Unheard', 'A']))
    await store.submit(jobOf(['A', 'Later']))
    await pass(60_000)
    const { unknownSteps } = await store.claim(request({ lookAheadMs: 2_000 }))
    expect(unknownSteps).toEqual(['Unheard'])
  })

  test('a job that another process may be about to take is not reported as unknown', async () => {
    const { store } = await open()
    await store.submit(jobOf(['Unheard']))
    const { unknownSteps } = await store.claim(request({ lookAheadMs: 2_000 }))
    expect(unknownSteps).toEqual([])
  })

  test('a job that another process holds is not reported as unknown', async () => {
    const { store, pass } = await open()
    await store.submit(jobOf(['Unheard']))
    await pass(60_000)
    await store.claim(request({ stepNames: ['Unheard'] }))
    const { unknownSteps } = await store.claim(request({ lookAheadMs: 2_000 }))
    expect(unknownSteps).toEqual([])
  })

  test('unknownSteps is null when nobody looked', async () => {
    const { store } = await open()
    expect((await store.claim(request())).unknownSteps).toBeNull()
  })
}
