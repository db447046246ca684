import { Deadlines } from '@stepping/core'
import { memoryJobStore } from '@stepping/self-tm'
import type { Claim, JobStore } from '@stepping/self-tm'
import { vi } from 'vitest'
import { monotonicMs } from '../src/clock.ts'
import { JobRun } from '../src/job-run.ts'
import { Settler } from '../src/settler.ts'
import { FakeParticipant } from './fake-participant.ts'
import type { FakeStep } from './fake-participant.ts'
import { jobOf } from './jobs.ts'
import { replacing } from './replacing.ts'

export const leaseMs = 10_000

/** Lets everything happen that waits for nothing but its turn. Timers have to be fake. */
export async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(10)
}

export interface RunParts {
  readonly participant: FakeParticipant
  /** The store itself, behind what was replaced for the runs. */
  readonly memory: JobStore
  readonly settler: Settler
  /** A new job of these steps, claimed. */
  readonly claimNew: (...steps: string[]) => Promise<Claim>
  /** The job that is due and has one of these steps next, as somebody else would claim it. */
  readonly claimDue: (...steps: string[]) => Promise<Claim | undefined>
  readonly run: (claim: Claim, how?: { sentAtMs?: number; proven?: boolean }) => JobRun
}

export function setUpRuns(
  steps: Readonly<Record<string, FakeStep>>,
  replaced: Partial<JobStore> = {},
): RunParts {
  const participant = new FakeParticipant(steps)
  const memory = memoryJobStore()
  const store = replacing(memory, replaced)
  const deadlines = new Deadlines()
  const settler = new Settler({ store, answerMs: leaseMs, onFailure() {}, onSuccess() {} })
  const claimDue: RunParts['claimDue'] = async (...stepNames) => {
    const { claims } = await memory.claim({
      app: 'shop',
      owner: 'me',
      leaseMs,
      limit: 1,
      stepNames,
    })
    return claims[0]
  }
  return {
    participant,
    memory,
    settler,
    claimDue,
    async claimNew(...names) {
      await memory.submit(jobOf(names))
      return (await claimDue(...names))!
    },
    run(claim, { sentAtMs = monotonicMs(), proven = true } = {}) {
      const parts = { participant, settler, store, leaseMs, deadlines, onEnding() {}, onOver() {} }
      const run = new JobRun(parts, claim, sentAtMs)
      run.begin(proven)
      return run
    },
  }
}
