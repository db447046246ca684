import type { JobRecord } from '@stepping/core'
import type { Claim, ClaimRequest, JobStore, Settlement } from '@stepping/self-tm'
import { expect } from 'vitest'
import type { OpenStore } from './harness.ts'
import { jobOf, tiedJobOf } from './jobs.ts'

export const leaseMs = 10_000

/** What a worker asks for that knows the steps A, B and C. */
export function request(rest: Partial<ClaimRequest> = {}): ClaimRequest {
  return { app: 'shop', owner: 'me', leaseMs, limit: 100, stepNames: ['A', 'B', 'C'], ...rest }
}

export async function claimedGids(
  store: JobStore,
  rest?: Partial<ClaimRequest>,
): Promise<string[]> {
  const { claims } = await store.claim(request(rest))
  return claims.map(({ gid }) => gid)
}

/** Claims the one job that is due. */
export async function claimOne(store: JobStore): Promise<Claim> {
  const { claims } = await store.claim(request())
  expect(claims).toHaveLength(1)
  return claims[0]!
}

/** A job of these steps, submitted and claimed. */
export async function claimNew(store: JobStore, ...steps: string[]): Promise<Claim> {
  await store.submit(jobOf(steps))
  return await claimOne(store)
}

/** A job whose database decides, prepared and claimed to be asked about. */
export async function claimPrepared({
  store,
  pass,
}: OpenStore): Promise<Claim & { job: JobRecord }> {
  const job = tiedJobOf(['A', 'B'])
  await store.prepare(job)
  await pass(10_001)
  return { ...(await claimOne(store)), job }
}

type Ending = Settlement extends infer S
  ? S extends Settlement
    ? Omit<S, 'gid' | 'token' | 'cursor'>
    : never
  : never

/** How the holder of this claim ends its attempt. */
export function ending({ gid, token, cursor }: Claim, to: Ending): Settlement {
  return { gid, token, cursor, ...to }
}

/** Writes one ending. */
export async function settle(store: JobStore, claim: Claim, to: Ending): Promise<string> {
  const results = await store.settle([ending(claim, to)])
  expect([...results.keys()]).toEqual([claim.gid])
  return results.get(claim.gid)!
}

/** Every way an attempt of a submitted job's step can end. */
export const stepEndings: readonly Ending[] = [
  { to: 'advanced', nextStep: 'B', leaseMs },
  { to: 'finished' },
  { to: 'retried', inMs: 1_000, error: 'no luck' },
  { to: 'parked', error: 'out of paper' },
  { to: 'returned', inMs: 1_000 },
]

/** Every way that asking about a prepared job can end. */
export const preparedEndings: readonly Ending[] = [
  { to: 'submitted', leaseMs },
  { to: 'rolledBack' },
  { to: 'retried', inMs: 1_000, error: 'its transaction is open' },
  { to: 'returned', inMs: 1_000 },
]
