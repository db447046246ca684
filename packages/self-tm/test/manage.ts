import type { DbContext, JobRecord, TransactionManager } from '@stepping/core'
import { memoryJobStore, selfTm } from '@stepping/self-tm'
import type { JobStore, LeaseRequest, SelfTmOptions } from '@stepping/self-tm'
import { FakeParticipant } from './fake-participant.ts'
import type { FakeStep } from './fake-participant.ts'
import { replacing } from './replacing.ts'

export interface Managed {
  readonly tm: TransactionManager
  readonly participant: FakeParticipant
  /** The store itself, behind what was replaced for the manager. */
  readonly memory: JobStore
}

/** A transaction manager that is not started. Timers have to be fake. */
export function setUpManager(
  steps: Readonly<Record<string, FakeStep>>,
  replaced: Partial<JobStore> = {},
  options: Pick<SelfTmOptions, 'concurrency'> = {},
): Managed {
  const memory = memoryJobStore()
  const tm = selfTm({ store: replacing(memory, replaced), ...options })
  return { tm, participant: new FakeParticipant(steps), memory }
}

/** Stands for an open transaction: what is enlisted in it is stored when it commits. */
export class FakeTransaction {
  readonly context = {} as DbContext
  readonly leases: (LeaseRequest | undefined)[] = []
  readonly #store: () => JobStore
  readonly #jobs: JobRecord[] = []

  constructor(store: () => JobStore) {
    this.#store = store
  }

  readonly enlist: JobStore['enlist'] = async (_context, job, lease, before) => {
    await before?.()
    this.#jobs.push(job)
    this.leases.push(lease)
    return true
  }

  async commit(): Promise<void> {
    for (const [i, job] of this.#jobs.entries()) await this.#store().submit(job, this.leases[i])
  }
}
