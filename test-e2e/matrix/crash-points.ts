import { AsyncLocalStorage } from 'node:async_hooks'
import type {
  Database,
  DbContext,
  JobRecord,
  Participant,
  StepCall,
  TransactionManager,
} from '@stepping/core'
import type { JobStore, Settlement } from '@stepping/self-tm'
import { replacing } from '../replacing.ts'

/** Where a process can be made to die: each between two lines of `docs/failure-matrix.md`. */
export const crashPoints = [
  'before the barrier',
  'before the commit',
  'after the commit',
  'after the submit',
  'in a step',
  'after an effect, before its completion is saved',
  'between two steps',
  'before the finish is saved',
] as const

export type CrashPoint = (typeof crashPoints)[number]

/** Where a job can stand: there as well, and before what it asks the transaction manager for. */
export type StandingPoint = CrashPoint | 'before the prepare' | 'before the submit'

/**
 * Points that a process can stand at together, each with a job of its own, until it dies. A store saves one batch at a
 * time, and some databases have one transaction at a time: the last of each.
 */
export const deaths: readonly (readonly CrashPoint[])[] = [
  [
    'after the commit',
    'after the submit',
    'in a step',
    'after an effect, before its completion is saved',
    'before the barrier',
  ],
  ['between two steps', 'before the commit'],
  ['before the finish is saved'],
]

/** Stops jobs at their points, for the jobs of one process only: what others left behind is not its to die for. */
export class Crash {
  readonly #points = new Map<string, StandingPoint>()
  readonly #arrived = new Map<StandingPoint, PromiseWithResolvers<void>>()
  /** The job of the transaction that runs: there are others, in which steps have their effects. */
  readonly #placing = new AsyncLocalStorage<{ gid?: string }>()
  #letGo = Promise.withResolvers<void>()

  /** The job that this transaction places, and where it is to stop. */
  own(gid: string, point: StandingPoint): void {
    this.#placing.getStore()!.gid = gid
    this.#points.set(gid, point)
  }

  /** Resolves when a job stands at the point. */
  async reached(point: StandingPoint): Promise<void> {
    await this.#arrival(point).promise
  }

  /** All that stands goes on; whatever comes later has points of its own. */
  letGo(): void {
    this.#points.clear()
    this.#arrived.clear()
    this.#letGo.resolve()
    this.#letGo = Promise.withResolvers()
  }

  /** Resolves at the next `letGo`. */
  async gone(): Promise<void> {
    await this.#letGo.promise
  }

  /** If this is the point of one of these jobs, it stands there, and nothing more gets out of it until `letGo`. */
  async at(point: StandingPoint, gids: readonly string[]): Promise<void> {
    if (!gids.some((gid) => this.#points.get(gid) === point)) return
    this.#arrival(point).resolve()
    await this.#letGo.promise
  }

  #arrival(point: StandingPoint): PromiseWithResolvers<void> {
    const arrival = this.#arrived.get(point) ?? Promise.withResolvers<void>()
    this.#arrived.set(point, arrival)
    return arrival
  }

  /** The database, in which the process dies. Nothing of the library is changed. */
  database<Tx>(database: Database<Tx>): Database<Tx> {
    const crashing: Database<Tx> = replacing(database, {
      transaction: async <R>(work: (tx: Tx) => Promise<R>, options?: unknown): Promise<R> => {
        const placing: { gid?: string } = {}
        const value = await database.transaction(async (tx) => {
          const result = await this.#placing.run(placing, () => work(tx))
          if (placing.gid) await this.at('before the commit', [placing.gid])
          return result
        }, options)
        if (placing.gid) await this.at('after the commit', [placing.gid])
        return value
      },
      context: (tx: Tx): DbContext => replacing(database.context(tx), { database: crashing }),
      barrier: {
        insert: async (context, key) => {
          await this.at('before the barrier', [key.gid])
          await database.barrier.insert(context, key)
        },
        resolve: (key) => database.barrier.resolve(key),
      },
    })
    return crashing
  }

  /** What the job asks of it. */
  transactionManager(tm: TransactionManager): TransactionManager {
    return replacing(tm, {
      ...('enlist' in tm && {
        enlist: async (...args: Parameters<Enlist>) => {
          await this.at('before the prepare', [args[1].gid])
          return await tm.enlist!(...args)
        },
      }),
      prepare: async (job: JobRecord) => {
        await this.at('before the prepare', [job.gid])
        await tm.prepare(job)
      },
      submit: async (job: JobRecord) => {
        await this.at('before the submit', [job.gid])
        await tm.submit(job)
      },
    })
  }

  /** A server that calls the steps, in whose hands the process dies. */
  server(tm: TransactionManager): TransactionManager {
    const standing = this.transactionManager(tm)
    return replacing(standing, {
      start: (participant, options) => tm.start(this.#participant(participant), options),
      submit: async (job: JobRecord) => {
        await standing.submit(job)
        await this.at('after the submit', [job.gid])
      },
    })
  }

  #participant(participant: Participant): Participant {
    return replacing(participant, {
      runStep: async (call: StepCall) => {
        if (call.index > 0) await this.at('between two steps', [call.gid])
        const outcome = await participant.runStep(call)
        await this.at(
          call.index === 2
            ? 'before the finish is saved'
            : 'after an effect, before its completion is saved',
          [call.gid],
        )
        return outcome
      },
    })
  }

  /** The store, in which the process dies. */
  store(store: JobStore): JobStore {
    return replacing(store, {
      submit: async (...args: Parameters<JobStore['submit']>) => {
        const submitted = await store.submit(...args)
        await this.at('after the submit', [args[0].gid])
        return submitted
      },
      settle: async (settlements: readonly Settlement[]) => {
        const gids = (to: Settlement['to']): string[] =>
          settlements.filter((each) => each.to === to).map((each) => each.gid)
        await this.at('after an effect, before its completion is saved', gids('advanced'))
        await this.at('before the finish is saved', gids('finished'))
        const results = await store.settle(settlements)
        await this.at('between two steps', gids('advanced'))
        return results
      },
    })
  }
}

type Enlist = NonNullable<TransactionManager['enlist']>
