import { newGid } from '@stepping/core'
import type { JobRecord } from '@stepping/core'

/** A job of these steps as the engine sends it, new unless said otherwise. */
export function jobOf(steps: readonly string[], rest: Partial<JobRecord> = {}): JobRecord {
  return {
    gid: newGid(),
    app: 'shop',
    steps: steps.map((name) => ({ name })),
    notAfter: Date.now() + 86_400_000,
    callerGid: false,
    byHand: false,
    ...rest,
  }
}

/** One whose outcome its database decides. */
export function tiedJobOf(steps: readonly string[], rest: Partial<JobRecord> = {}): JobRecord {
  return jobOf(steps, { database: { name: 'orders', identity: 'one' }, ...rest })
}

/** The same job under its gid, but not the same content. */
export const otherContents = [
  { name: 'other steps', rest: { steps: [{ name: 'B' }] } },
  { name: 'other args', rest: { steps: [{ name: 'A', args: '{"n":2}' }] } },
  { name: 'another app', rest: { app: 'market' } },
] as const
