import { describe, expect, test } from 'vitest'
import { claimedGids, claimNew, claimOne, claimPrepared, leaseMs, settle } from './claims.ts'
import type { JobStoreHarness } from './harness.ts'
import { jobOf, otherContents, tiedJobOf } from './jobs.ts'

export function describeSubmitting({ open }: JobStoreHarness): void {
  test('a submitted job can be claimed at once', async () => {
    const { store } = await open()
    const job = tiedJobOf(['A'])
    await store.prepare(job)
    expect(await store.submit(job)).toEqual({ started: true })
    expect(await claimOne(store)).toMatchObject({ gid: job.gid, state: 'submitted' })
  })

  test('a job without a database needs no prepare', async () => {
    const { store } = await open()
    const job = jobOf(['A'])
    expect(await store.submit(job)).toEqual({ started: true })
    expect(await claimedGids(store)).toEqual([job.gid])
  })

  test('what was sent comes out as it was sent', async () => {
    const { store } = await open()
    const args = JSON.stringify({ text: 'ключ "\0" 🚀\n', at: 0.1, list: [null, true] })
    const job = tiedJobOf([], { steps: [{ name: 'A', args }, { name: 'B' }] })
    await store.prepare(job)
    await store.submit(job)
    const claim = await claimOne(store)
    expect(claim.steps).toEqual(job.steps)
    expect(claim.database).toEqual(job.database)
    expect(await store.databaseOf(job.gid)).toEqual(job.database)
  })

  describe.each([
    { kind: 'tied', make: tiedJobOf, prepared: true },
    { kind: 'without a database', make: jobOf, prepared: false },
  ])('submit of a job $kind', ({ make, prepared }) => {
    test('hands it out with the same write when a lease is asked for', async () => {
      const { store } = await open()
      const job = make(['A'])
      if (prepared) await store.prepare(job)
      const { started, token } = await store.submit(job, { owner: 'me', leaseMs })
      expect(started).toBe(true)
      expect(await claimedGids(store)).toEqual([])
      const renewed = await store.renew([{ gid: job.gid, token: token! }], leaseMs)
      expect([...renewed]).toEqual([job.gid])
    })

    test('repeated says that it was there already', async () => {
      const { store } = await open()
      const job = make(['A'])
      if (prepared) await store.prepare(job)
      await store.submit(job)
      expect(await store.submit(job)).toEqual({ started: false })
    })

    test('repeated leaves its holder alone', async () => {
      const { store } = await open()
      const job = make(['A', 'B'])
      if (prepared) await store.prepare(job)
      await store.submit(job)
      const claim = await claimOne(store)
      await store.submit(job, { owner: 'somebody else', leaseMs })
      expect(await settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })).toBe('saved')
    })

    test('arriving after it finished does not start it again', async () => {
      const { store, stored } = await open()
      const job = make(['A'])
      if (prepared) await store.prepare(job)
      await store.submit(job)
      await settle(store, await claimOne(store), { to: 'finished' })
      expect(await store.submit(job, { owner: 'me', leaseMs })).toEqual({ started: false })
      expect(await stored(job.gid)).toMatchObject({ state: 'finished' })
    })

    test.each(otherContents)('with $name under its gid is a conflict', async ({ rest }) => {
      const { store, stored } = await open()
      const job = make(['A'])
      if (prepared) await store.prepare(job)
      else await store.submit(job)
      const before = await stored(job.gid)
      await expect(store.submit({ ...job, ...rest })).rejects.toMatchObject({
        code: 'JOB_CONFLICT',
        gid: job.gid,
      })
      expect(await stored(job.gid)).toEqual(before)
    })
  })

  test('submit of a prepared job with another database under its gid is a conflict', async () => {
    const { store, stored } = await open()
    const job = tiedJobOf(['A'])
    await store.prepare(job)
    const other = { ...job, database: { name: 'orders', identity: 'two' } }
    await expect(store.submit(other)).rejects.toMatchObject({ code: 'JOB_CONFLICT', gid: job.gid })
    expect(await stored(job.gid)).toMatchObject({ state: 'prepared' })
  })

  test('submit never creates a job that its database decides about', async () => {
    const { store, stored } = await open()
    const job = tiedJobOf(['A'])
    await expect(store.submit(job)).rejects.toMatchObject({ code: 'JOB_UNKNOWN', gid: job.gid })
    expect(await stored(job.gid)).toBeNull()
  })

  test('submit of a job that was dropped is refused', async () => {
    const opened = await open()
    const { job, ...claim } = await claimPrepared(opened)
    await settle(opened.store, claim, { to: 'rolledBack' })
    await expect(opened.store.submit(job)).rejects.toMatchObject({
      code: 'TRANSACTION_ROLLED_BACK',
      gid: job.gid,
    })
    expect(await opened.stored(job.gid)).toMatchObject({ state: 'rolledBack' })
  })

  test('submit takes the job from whoever is asking about it', async () => {
    const opened = await open()
    const { job, ...claim } = await claimPrepared(opened)
    await opened.store.submit(job)
    expect(await settle(opened.store, claim, { to: 'rolledBack' })).toBe('lost')
    expect(await opened.stored(job.gid)).toMatchObject({ state: 'submitted' })
  })

  test('submit forgets how often the job was asked about', async () => {
    const opened = await open()
    const { job, ...claim } = await claimPrepared(opened)
    await settle(opened.store, claim, {
      to: 'retried',
      inMs: 60_000,
      error: 'its database is away',
    })
    await opened.store.submit(job)
    expect(await claimOne(opened.store)).toMatchObject({ gid: job.gid, attempts: 0 })
  })

  test('a job without a database that arrives too late is refused', async () => {
    const { store, stored } = await open()
    const job = jobOf(['A'], { notAfter: Date.now() - 60_000 })
    await expect(store.submit(job)).rejects.toMatchObject({ code: 'BARRIER_EXPIRED', gid: job.gid })
    expect(await stored(job.gid)).toBeNull()
  })

  test('of many who submit one job at once, one starts it', async () => {
    const { store } = await open()
    const job = jobOf(['A'])
    const submitted = await Promise.all(Array.from({ length: 8 }, () => store.submit(job)))
    expect(submitted.filter(({ started }) => started)).toHaveLength(1)
  })

  test('jobs of one store do not mind each other', async () => {
    const { store } = await open()
    const { gid } = await claimNew(store, 'A')
    const other = jobOf(['A'])
    await store.submit(other)
    expect(await claimedGids(store)).toEqual([other.gid])
    expect(await store.find(gid)).toMatchObject({ running: true })
  })
}
