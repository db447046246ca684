import { describe, expect, test } from 'vitest'
import { jobOf } from './jobs.ts'
import {
  claimedGids,
  claimNew,
  claimOne,
  claimPrepared,
  ending,
  leaseMs,
  preparedEndings,
  request,
  settle,
  stepEndings,
} from './claims.ts'
import type { JobStoreHarness } from './harness.ts'

export function describeSettling({ open }: JobStoreHarness): void {
  test('advanced: the next step is next, and the holder keeps the job', async () => {
    const { store, stored } = await open()
    const claim = await claimNew(store, 'A', 'B')
    expect(await settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })).toBe('saved')
    expect(await stored(claim.gid)).toMatchObject({ state: 'submitted', cursor: 1 })
    expect(await claimedGids(store)).toEqual([])
  })

  test('advanced: the failures of the step that is done are forgotten', async () => {
    const { store, pass, stored } = await open()
    const first = await claimNew(store, 'A', 'B')
    await settle(store, first, { to: 'retried', inMs: 0, error: 'no luck' })
    await pass(1)
    await settle(store, await claimOne(store), { to: 'advanced', nextStep: 'B', leaseMs })
    expect(await stored(first.gid)).toMatchObject({ attempts: 0, lastError: null })
  })

  test('finished: a job that may be sent again stays, with all its steps done', async () => {
    const { store, stored } = await open()
    const claim = await claimNew(store, 'A')
    expect(await settle(store, claim, { to: 'finished' })).toBe('saved')
    expect(await stored(claim.gid)).toMatchObject({ state: 'finished', cursor: 1 })
    expect((await store.find(claim.gid))!.finishedAt).toBeInstanceOf(Date)
  })

  test('retried: the attempt counts, and why it failed can be read', async () => {
    const { store, stored } = await open()
    const claim = await claimNew(store, 'A')
    await settle(store, claim, { to: 'retried', inMs: 1_000, error: 'no luck' })
    expect(await stored(claim.gid)).toEqual({
      state: 'submitted',
      cursor: 0,
      attempts: 1,
      lastError: 'no luck',
    })
  })

  test('parked: it waits for a person, with the reason', async () => {
    const { store, stored } = await open()
    const claim = await claimNew(store, 'A')
    await settle(store, claim, { to: 'parked', error: 'out of paper' })
    expect(await stored(claim.gid)).toEqual({
      state: 'parked',
      cursor: 0,
      attempts: 1,
      lastError: 'out of paper',
    })
  })

  test('returned: as if nobody had had it', async () => {
    const { store, stored } = await open()
    const job = jobOf(['A'])
    await store.submit(job)
    const before = await stored(job.gid)
    await settle(store, await claimOne(store), { to: 'returned', inMs: 0 })
    expect(await stored(job.gid)).toEqual(before)
    expect(await claimedGids(store)).toEqual([job.gid])
  })

  test('submitted: the prepared job runs under the lease of whoever asked', async () => {
    const opened = await open()
    const { store, stored } = opened
    const { job, ...claim } = await claimPrepared(opened)
    expect(await settle(store, claim, { to: 'submitted', leaseMs })).toBe('saved')
    expect(await stored(job.gid)).toMatchObject({ state: 'submitted', cursor: 0 })
    expect(await claimedGids(store)).toEqual([])
    expect(await settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })).toBe('saved')
  })

  test('submitted: how often it was asked about is forgotten', async () => {
    const opened = await open()
    const { store, pass, stored } = opened
    const { job, ...claim } = await claimPrepared(opened)
    await settle(store, claim, { to: 'retried', inMs: 0, error: 'its transaction is open' })
    await pass(1)
    await settle(store, await claimOne(store), { to: 'submitted', leaseMs })
    expect(await stored(job.gid)).toMatchObject({ attempts: 0 })
  })

  test('rolledBack: the prepared job is over', async () => {
    const opened = await open()
    const { job, ...claim } = await claimPrepared(opened)
    expect(await settle(opened.store, claim, { to: 'rolledBack' })).toBe('saved')
    expect(await opened.stored(job.gid)).toMatchObject({ state: 'rolledBack' })
    await opened.pass(3_600_000)
    expect(await claimedGids(opened.store)).toEqual([])
  })

  test.each(stepEndings)('$to is refused at another cursor than the row has', async (to) => {
    const { store, stored } = await open()
    const claim = await claimNew(store, 'A', 'B', 'C')
    await settle(store, claim, { to: 'advanced', nextStep: 'B', leaseMs })
    await settle(store, { ...claim, cursor: 1 }, { to: 'advanced', nextStep: 'C', leaseMs })
    const before = await stored(claim.gid)
    expect(await settle(store, claim, to)).toBe('lost')
    expect(await stored(claim.gid)).toEqual(before)
    expect([...(await store.renew([claim], leaseMs))]).toEqual([claim.gid])
  })

  describe('repeated after a lost answer', () => {
    test.each(stepEndings)('$to is saved, and changes nothing', async (to) => {
      const { store, stored } = await open()
      const claim = await claimNew(store, 'A', 'B')
      await settle(store, claim, to)
      const before = await stored(claim.gid)
      expect(await settle(store, claim, to)).toBe('saved')
      expect(await stored(claim.gid)).toEqual(before)
    })

    test.each(preparedEndings)(
      '$to of a prepared job is saved, and changes nothing',
      async (to) => {
        const opened = await open()
        const { job, ...claim } = await claimPrepared(opened)
        await settle(opened.store, claim, to)
        const before = await opened.stored(job.gid)
        expect(await settle(opened.store, claim, to)).toBe('saved')
        expect(await opened.stored(job.gid)).toEqual(before)
      },
    )
  })

  test('a batch reports for each job by itself', async () => {
    const { store, pass } = await open()
    const lost = await claimNew(store, 'A')
    await pass(leaseMs + 1)
    await claimOne(store)
    const finished = await claimNew(store, 'A')
    const failed = await claimNew(store, 'A')
    const unknown = { ...failed, gid: 'never-stored' }
    const results = await store.settle([
      ending(lost, { to: 'finished' }),
      ending(finished, { to: 'finished' }),
      ending(failed, { to: 'retried', inMs: 0, error: 'no luck' }),
      ending(unknown, { to: 'retried', inMs: 0, error: 'no luck' }),
    ])
    expect(Object.fromEntries(results)).toEqual({
      [lost.gid]: 'lost',
      [finished.gid]: 'saved',
      [failed.gid]: 'saved',
      [unknown.gid]: 'lost',
    })
  })

  test.each([
    { what: 'a NUL', error: 'before \0 after' },
    { what: 'half a surrogate pair', error: 'before \uD83D after' },
    { what: 'quotes and a backslash', error: `'"\\u0000\\ $1` },
  ])('an error text with $what does not fail the others of its batch', async ({ error }) => {
    const { store, stored } = await open()
    for (let i = 0; i < 3; i++) await store.submit(jobOf(['A']))
    const { claims } = await store.claim(request())
    const results = await store.settle(
      claims.map((claim, i) =>
        ending(claim, { to: 'retried', inMs: 0, error: i === 1 ? error : 'no luck' }),
      ),
    )
    expect([...results.values()]).toEqual(['saved', 'saved', 'saved'])
    const { lastError } = (await stored(claims[1]!.gid))!
    expect(lastError).toHaveLength(error.length)
  })
}
