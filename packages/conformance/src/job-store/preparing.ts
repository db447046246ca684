import type { JobRecord } from '@stepping/core'
import type { JobStore } from '@stepping/self-tm'
import { describe, expect, test } from 'vitest'
import { claimedGids, claimPrepared, settle } from './claims.ts'
import type { JobStoreHarness } from './harness.ts'
import { otherContents, tiedJobOf } from './jobs.ts'

export function describePreparing({ open }: JobStoreHarness): void {
  test('a prepared job waits for its transaction before anybody asks about it', async () => {
    const { store, pass, stored } = await open()
    const job = tiedJobOf(['A'])
    await store.prepare(job)
    expect(await stored(job.gid)).toMatchObject({ state: 'prepared', cursor: 0, attempts: 0 })
    await pass(6_000)
    expect(await claimedGids(store)).toEqual([])
    await pass(4_001)
    expect(await claimedGids(store)).toEqual([job.gid])
  })

  test('prepare repeated changes nothing', async () => {
    const { store, stored } = await open()
    const job = tiedJobOf(['A'])
    await store.prepare(job)
    await store.prepare(job)
    expect(await stored(job.gid)).toMatchObject({ state: 'prepared' })
  })

  test('a prepare under the gid of a job that is committed is refused', async () => {
    const { store, stored } = await open()
    const job = tiedJobOf(['A'])
    await store.prepare(job)
    await store.submit(job)
    await expect(store.prepare(job)).rejects.toMatchObject({ code: 'JOB_DUPLICATE', gid: job.gid })
    expect(await stored(job.gid)).toMatchObject({ state: 'submitted' })
  })

  test('a prepare under the gid of a job that was dropped is refused', async () => {
    const opened = await open()
    const { job, ...claim } = await claimPrepared(opened)
    await settle(opened.store, claim, { to: 'rolledBack' })
    await expect(opened.store.prepare(job)).rejects.toMatchObject({
      code: 'BARRIER_DECIDED',
      gid: job.gid,
    })
    expect(await opened.stored(job.gid)).toMatchObject({ state: 'rolledBack' })
  })

  describe.each([
    { state: 'committed', code: 'JOB_DUPLICATE' },
    { state: 'dropped', code: 'BARRIER_DECIDED' },
  ])('a prepare under the gid of a job that was $state', ({ state, code }) => {
    async function decided(): Promise<{ store: JobStore; job: JobRecord }> {
      const opened = await open()
      const { job, ...claim } = await claimPrepared(opened)
      if (state === 'committed') await opened.store.submit(job)
      else await settle(opened.store, claim, { to: 'rolledBack' })
      return { store: opened.store, job }
    }

    test('is refused for that, also with other args', async () => {
      const { store, job } = await decided()
      const again = { ...job, steps: [{ name: 'A', args: '{"n":2}' }] }
      await expect(store.prepare(again)).rejects.toMatchObject({ code, gid: job.gid })
    })

    test('is a conflict when it is of another app', async () => {
      const { store, job } = await decided()
      await expect(store.prepare({ ...job, app: 'market' })).rejects.toMatchObject({
        code: 'JOB_CONFLICT',
        gid: job.gid,
      })
    })
  })

  test.each([
    ...otherContents,
    { name: 'another database', rest: { database: { name: 'orders', identity: 'two' } } },
  ])('prepare with $name under its gid is a conflict', async ({ rest }) => {
    const { store } = await open()
    const job = tiedJobOf(['A'])
    await store.prepare(job)
    await expect(store.prepare({ ...job, ...rest })).rejects.toMatchObject({
      code: 'JOB_CONFLICT',
      gid: job.gid,
    })
  })

  test('a prepare that arrives too late is refused', async () => {
    const { store, stored } = await open()
    const job = tiedJobOf(['A'], { notAfter: Date.now() - 60_000 })
    await expect(store.prepare(job)).rejects.toMatchObject({
      code: 'BARRIER_EXPIRED',
      gid: job.gid,
    })
    expect(await stored(job.gid)).toBeNull()
  })
}
