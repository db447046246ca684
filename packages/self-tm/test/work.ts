import { memoryJobStore } from '@stepping/self-tm'
import type { Claim, JobStore } from '@stepping/self-tm'
import { vi } from 'vitest'
import { Worker } from '../src/worker.ts'
import type { WorkerOptions } from '../src/worker.ts'
import { FakeParticipant } from './fake-participant.ts'
import type { FakeStep } from './fake-participant.ts'
import { jobOf } from './jobs.ts'
import { replacing } from './replacing.ts'

export const leaseMs = 10_000
export const pollMs = 2_000
/** Unless said otherwise. */
export const drainMs = 5_000

export interface WorkerParts {
  readonly participant: FakeParticipant
  /** The store itself, behind what was replaced for the worker. */
  readonly memory: JobStore
  readonly worker: Worker
  /** Stores a job, wakes the worker, and resolves with the job's gid. */
  readonly submit: (...steps: string[]) => Promise<string>
  /** From now on the worker's requests are refused, until `mend`. */
  readonly cut: () => void
  readonly mend: () => void
}

export interface WorkerSetUp extends Partial<
  Pick<WorkerOptions, 'concurrency' | 'owner' | 'drainMs' | 'onBacklog'>
> {
  readonly replaced?: Partial<JobStore>
  /** Another worker's, to share its jobs. */
  readonly memory?: JobStore
}

/** A worker that is started. Timers have to be fake. */
export function setUpWorker(
  steps: Readonly<Record<string, FakeStep>>,
  { replaced = {}, memory = memoryJobStore(), ...options }: WorkerSetUp = {},
): WorkerParts {
  const participant = new FakeParticipant(steps)
  let isCut = false
  const assertReached = (): void => {
    if (isCut) throw new Error('refused')
  }
  const store = replacing(memory, {
    async claim(request) {
      assertReached()
      return await memory.claim(request)
    },
    async renew(held, ms) {
      assertReached()
      return await memory.renew(held, ms)
    },
    async settle(settlements) {
      assertReached()
      return await memory.settle(settlements)
    },
    ...replaced,
  })
  const worker = new Worker({
    store,
    participant,
    owner: 'me',
    concurrency: 10,
    leaseMs,
    pollMs,
    drainMs,
    ...options,
  })
  worker.start()
  return {
    participant,
    memory,
    worker,
    async submit(...names) {
      const job = jobOf(names)
      await memory.submit(job)
      worker.wake()
      return job.gid
    },
    cut() {
      isCut = true
    },
    mend() {
      isCut = false
    },
  }
}

/** Claims the one job that is due, as somebody else would. */
export async function claimDue(memory: JobStore): Promise<Claim> {
  const request = { app: 'shop', owner: 'other', leaseMs, limit: 1, stepNames: ['A', 'B'] }
  return (await memory.claim(request)).claims[0]!
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(10)
}

/** A step that counts how many of it run at once, and the most there ever were. */
export function counting(step: FakeStep): FakeStep & { now: number; most: number } {
  const counted = Object.assign(
    async (...[call]: Parameters<FakeStep>) => {
      counted.most = Math.max(counted.most, ++counted.now)
      try {
        return await step(call)
      } finally {
        counted.now--
      }
    },
    { now: 0, most: 0 },
  )
  return counted
}

/** Takes this long, whatever its signal says. */
export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
