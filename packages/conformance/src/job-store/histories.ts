import { expect, test } from 'vitest'
import type { Claim, JobStore } from '@stepping/self-tm'
import { claimOne, ending, leaseMs, request, settle } from './claims.ts'
import type { JobStoreHarness } from './harness.ts'
import { jobOf } from './jobs.ts'

/** What the store has to know of a job, in the words of a test that has one thread only. */
interface Known {
  token: number
  cursor: number
  held: boolean
  over: boolean
}

const steps = ['A', 'B', 'C']

/** Workers that die, come back late, and repeat what was not answered. */
export function describeHistories({ open }: JobStoreHarness): void {
  test('a job whose holder died goes on at the step where it stood', async () => {
    const { store, pass } = await open()
    await store.submit(jobOf(steps))
    const first = await claimOne(store)
    await settle(store, first, { to: 'advanced', nextStep: 'B', leaseMs })
    await pass(leaseMs + 1)
    expect(await claimOne(store)).toMatchObject({ gid: first.gid, cursor: 1 })
  })

  test('a write whose answer was lost is lost when it is sent again after the job went on elsewhere', async () => {
    const { store, pass, stored } = await open()
    await store.submit(jobOf(steps))
    const first = await claimOne(store)
    await settle(store, first, { to: 'advanced', nextStep: 'B', leaseMs })
    await pass(leaseMs + 1)
    const second = await claimOne(store)
    expect(await settle(store, first, { to: 'advanced', nextStep: 'B', leaseMs })).toBe('lost')
    expect(await settle(store, second, { to: 'advanced', nextStep: 'C', leaseMs })).toBe('saved')
    expect(await stored(first.gid)).toMatchObject({ cursor: 2 })
  })

  test.each([1, 2, 3, 4, 5])(
    'chance %i: whoever lost a job writes nothing, and every job ends',
    async (seed) => {
      const opened = await open()
      const { store, pass, stored } = opened
      const chance = chances(seed)
      const known = new Map<string, Known>()
      const claims: Claim[] = []
      for (let i = 0; i < 5; i++) {
        const job = jobOf(steps)
        await store.submit(job)
        known.set(job.gid, { token: 0, cursor: 0, held: false, over: false })
      }
      for (let turn = 0; turn < 120; turn++) {
        if (chance() < 0.3) claims.push(...(await claimed(store, known)))
        else if (chance() < 0.15) await pass(leaseMs + 1)
        else if (claims.length > 0) await act(store, claims, known, chance)
      }
      await drain(opened, known)
      for (const [gid, { over }] of known) {
        expect(over).toBe(true)
        expect(await stored(gid)).toMatchObject({ state: 'finished', cursor: steps.length })
      }
    },
  )
}

async function claimed(store: JobStore, known: Map<string, Known>): Promise<readonly Claim[]> {
  const { claims } = await store.claim(request({ limit: 2 }))
  for (const { gid, token, cursor } of claims) {
    const job = known.get(gid)!
    expect({ gid, cursor, isNew: token > job.token, over: job.over }).toEqual({
      gid,
      cursor: job.cursor,
      isNew: true,
      over: false,
    })
    Object.assign(job, { token, held: true })
  }
  return claims
}

/** One of all who ever had a job writes how its attempt ended, in the belief that it still has it. */
async function act(
  store: JobStore,
  claims: Claim[],
  known: Map<string, Known>,
  chance: () => number,
): Promise<void> {
  const i = Math.floor(chance() * claims.length)
  const claim = claims[i]!
  const job = known.get(claim.gid)!
  const isMine = job.held && job.token === claim.token && job.cursor === claim.cursor
  const isLast = claim.cursor === steps.length - 1
  const gives = chance() < 0.3
  const end = gives
    ? ending(claim, { to: 'returned', inMs: 0 })
    : isLast
      ? ending(claim, { to: 'finished' })
      : ending(claim, { to: 'advanced', nextStep: steps[claim.cursor + 1]!, leaseMs })
  const result = (await store.settle([end])).get(claim.gid)
  expect({ ...end, result }).toEqual({ ...end, result: isMine ? 'saved' : 'lost' })
  if (!isMine || gives || isLast) claims.splice(i, 1)
  if (!isMine) return
  // Its answer was lost, so it is sent again.
  const again = chance() < 0.3 ? (await store.settle([end])).get(claim.gid) : result
  expect(again).toBe('saved')
  if (gives) job.held = false
  else job.cursor++
  if (end.to === 'finished') Object.assign(job, { held: false, over: true })
  if (end.to === 'advanced') claims[i] = { ...claim, cursor: claim.cursor + 1 }
}

/** One worker that never dies does what is left. */
async function drain(
  { store, pass }: Awaited<ReturnType<JobStoreHarness['open']>>,
  known: Map<string, Known>,
): Promise<void> {
  await pass(leaseMs + 1)
  for (let round = 0; round < 20; round++) {
    const claims = [...(await claimed(store, known))]
    while (claims.length > 0) await act(store, claims, known, () => 0.99)
  }
}

/** The same ones for the same seed, so that a failure can be seen again. */
function chances(seed: number): () => number {
  let state = seed * 2_654_435_761
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e3779b9) >>> 0
    return state / 2 ** 32
  }
}
