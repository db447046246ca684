import type { Database, DbContext } from '@stepping/core'
import type { JobStore, Settlement } from '@stepping/self-tm'

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

/** Dies at one point, for the jobs of one process only: what others left behind is not its to die for. */
export class Crash {
  readonly #point: CrashPoint | undefined
  readonly #mine = new Set<string>()

  constructor(point: CrashPoint | undefined) {
    this.#point = point
  }

  /** This job is the process's own. */
  own(gid: string): void {
    this.#mine.add(gid)
  }

  /** SIGKILL to itself, if this is its point: nothing that the process still has in its hands gets out. */
  async at(point: CrashPoint, gids: readonly string[]): Promise<void> {
    if (this.#point !== point || !gids.some((gid) => this.#mine.has(gid))) return
    process.kill(process.pid, 'SIGKILL')
    await new Promise<never>(() => {})
  }

  /** The database, in which the process dies. Nothing of the library is changed. */
  database<Tx>(database: Database<Tx>): Database<Tx> {
    const own = (): string[] => [...this.#mine]
    const crashing: Database<Tx> = replacing(database, {
      transaction: async <R>(work: (tx: Tx) => Promise<R>, options?: unknown): Promise<R> => {
        const value = await database.transaction(async (tx) => {
          const result = await work(tx)
          await this.at('before the commit', own())
          return result
        }, options)
        await this.at('after the commit', own())
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

/** The object with some of its members replaced; the others are called on the object itself. */
function replacing<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(_, key) {
      if (key in members) return Reflect.get(members, key)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
