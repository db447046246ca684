import type { JobRecord, Participant, StepOutcome, TransactionManager } from '@stepping/core'
import { memoryJobStore, selfTm } from '@stepping/self-tm'
import type { TransactionManagerHarness } from '@stepping/conformance'
import type { PoolClient } from 'pg'
import { overriding } from './overriding.ts'
import { plainHarness } from './plain-postgres.ts'
import type { PlainDatabase } from './plain-postgres.ts'

/** A change of the self-TM for the worse. */
export interface TransactionManagerFault {
  readonly name: string
  /** The case that has to notice it. */
  readonly rejectedBy: string
  readonly manager?: (healthy: TransactionManager) => Partial<TransactionManager>
  /** What it makes of the engine's answers. */
  readonly participant?: (healthy: Participant) => Partial<Participant>
}

export function managerHarness(
  serverUrl: string,
  {
    name,
    rejectedBy,
    manager = () => ({}),
    participant = () => ({}),
  }: Pick<TransactionManagerFault, 'name'> & Partial<TransactionManagerFault>,
): TransactionManagerHarness<PoolClient, PlainDatabase> {
  return {
    name,
    // What is broken will not come; what is healthy may take its time on a busy machine.
    patienceMs: rejectedBy === undefined ? 20_000 : 4_000,
    data: plainHarness(serverUrl, { name: 'PostgreSQL' }),
    async open({ database }) {
      const times = { pollMs: 50, leaseMs: 2_000, drainMs: 200 }
      await selfTm({ database }).migrate!()
      return {
        manager() {
          const healthy = selfTm({ database, queryPreparedAfterMs: 300, ...times })
          return overriding(healthy, {
            start: (engine, options) =>
              healthy.start(overriding(engine, participant(engine)), options),
            ...manager(healthy),
          })
        },
        enlists: { always: true },
        close: async () => {},
      }
    },
  }
}

/** The job as one that no database decides about. */
function alone(job: JobRecord): JobRecord {
  const parts = Object.entries(job).filter(([name]) => name !== 'database')
  return Object.fromEntries(parts) as unknown as JobRecord
}

export const transactionManagerFaults: readonly TransactionManagerFault[] = [
  {
    name: 'a prepared job is started at once',
    rejectedBy: 'a prepared job does not run before it is submitted',
    manager: (healthy) => ({
      async prepare(job) {
        await healthy.prepare(job)
        await healthy.submit(job)
      },
    }),
  },
  {
    name: 'prepared jobs are not asked about',
    rejectedBy: 'a job that is not submitted is asked about, and runs if it is committed',
    participant: () => ({
      queryPrepared: () => new Promise<never>(() => {}),
    }),
  },
  {
    name: 'no answer is taken for rolled back',
    rejectedBy: 'while its transaction is open it is asked about again, and then runs',
    participant: (healthy) => ({
      queryPrepared: async (query) =>
        await healthy.queryPrepared(query).catch(() => 'rolledBack' as const),
    }),
  },
  {
    name: 'no answer is taken for committed',
    rejectedBy: 'an answer that fails decides nothing',
    participant: (healthy) => ({
      queryPrepared: async (query) =>
        await healthy.queryPrepared(query).catch(() => 'committed' as const),
    }),
  },
  {
    name: 'a step that failed is taken for done',
    rejectedBy: 'a step that fails is tried again until it is done, and the next waits for it',
    participant: (healthy) => ({
      async runStep(call) {
        await healthy.runStep(call)
        return { done: true }
      },
    }),
  },
  {
    name: 'the next step does not wait for the one before',
    rejectedBy: 'steps run in order, each after the end of the one before',
    participant: (healthy) => ({
      async runStep(call): Promise<StepOutcome> {
        void healthy.runStep(call)
        return { done: true }
      },
    }),
  },
  {
    name: 'a submit that is repeated starts the job again',
    rejectedBy: 'submit repeated starts the job once',
    manager: (healthy) => ({
      async submit(job) {
        const gid = job.database ? `${job.gid}.${Math.random()}` : job.gid
        await healthy.submit({ ...alone(job), gid })
      },
    }),
  },
  {
    name: 'jobs are stored beside the transaction',
    rejectedBy: 'a job goes with its transaction, whatever is said of that',
    manager: (healthy) => ({
      async enlist(_context, job, before) {
        await before()
        await healthy.submit(alone(job))
        return { committed() {}, notCommitted() {} }
      },
    }),
  },
  {
    name: 'what has to come before the row is forgotten',
    rejectedBy: 'what has to come before the row comes before it, in the same transaction',
    manager: (healthy) => ({
      enlist: (context, job) => healthy.enlist!(context, job, async () => {}),
    }),
  },
  {
    name: 'every transaction is taken for one of the store',
    rejectedBy: 'the transaction of another database is left alone',
    manager: (healthy) => ({
      enlist: async (context, job, before) =>
        (await healthy.enlist!(context, job, before)) ?? { committed() {}, notCommitted() {} },
    }),
  },
  {
    name: 'a lost job is only started when somebody says that it is committed',
    rejectedBy: 'a job whose commit nobody was told of runs all the same',
    manager(healthy) {
      const store = memoryJobStore()
      const memory = selfTm({ store })
      return {
        enlist: async (_context, job, before) => {
          await before()
          return { committed: () => void memory.submit(alone(job)), notCommitted() {} }
        },
        close: async () => {
          await Promise.all([memory.close(), healthy.close()])
        },
      }
    },
  },
  {
    name: 'a process that shall only add jobs runs them',
    rejectedBy: 'a process that only adds jobs runs none; another one does',
    manager: (healthy) => ({
      start: (participant) => healthy.start(participant, { execute: true }),
    }),
  },
  {
    name: 'close does not wait',
    rejectedBy: 'close waits for the step that runs, and what that did is kept',
    manager: () => ({ close: async () => {} }),
  },
]
