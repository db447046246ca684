import type { JobState, JobView } from '@stepping/core'
import { expect, test } from 'vitest'
import type { JobStore } from '@stepping/self-tm'
import { claimNew, settle } from './claims.ts'
import type { JobStoreHarness } from './harness.ts'
import { jobOf } from './jobs.ts'

export function describeListing({ open }: JobStoreHarness): void {
  test('shows the jobs of one app in one state, as find shows them', async () => {
    const { store } = await open()
    const parked = await claimNew(store, 'A')
    await settle(store, parked, { to: 'parked', error: 'out of paper' })
    const finished = await claimNew(store, 'A')
    await settle(store, finished, { to: 'finished' })
    const submitted = jobOf(['A', 'B'])
    await store.submit(submitted)
    await store.submit(jobOf(['A'], { app: 'market' }))
    for (const [state, { gid }] of Object.entries({ parked, finished, submitted })) {
      expect(await page(store, { state: state as JobState })).toEqual([await store.find(gid)])
    }
    expect(await page(store, { state: 'cancelled' })).toEqual([])
  })

  test('goes on after the last gid of the page before, in the order of the characters', async () => {
    const { store } = await open()
    const gids = ['a:2', 'b', 'a-1', 'a.1', 'a_3', '9', 'aa']
    for (const gid of gids) await store.submit(jobOf(['A'], { gid, callerGid: true }))
    const seen: string[] = []
    for (let after: string | undefined = ''; after !== undefined; after = seen.at(-1)) {
      const jobs = await page(store, { after, limit: 3 })
      expect(jobs).toHaveLength(Math.min(3, gids.length - seen.length))
      if (jobs.length === 0) break
      seen.push(...jobs.map(({ gid }) => gid))
    }
    expect(seen).toEqual(gids.toSorted())
  })

  test('shows no job of another app that stands between', async () => {
    const { store } = await open()
    for (const [gid, app] of [
      ['g1', 'shop'],
      ['g2', 'market'],
      ['g3', 'shop'],
    ] as const) {
      await store.submit(jobOf(['A'], { gid, app, callerGid: true }))
    }
    const jobs = await page(store, { after: 'g1', limit: 1 })
    expect(jobs.map(({ gid }) => gid)).toEqual(['g3'])
  })
}

async function page(
  store: JobStore,
  {
    state = 'submitted',
    limit = 100,
    after = '',
  }: { state?: JobState; limit?: number; after?: string },
): Promise<readonly JobView[]> {
  return await store.list({ app: 'shop', state, limit, after })
}
