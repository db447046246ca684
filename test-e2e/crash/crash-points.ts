import type { DbContext } from '@stepping/core'
import type { SqlDatabase } from '@stepping/sql'
import type { JobStore, Settlement } from '@stepping/self-tm'
import { replacing } from '../replacing.ts'

/** Where a process can be made to die. Each is between two lines of `docs/failure-matrix.md`. */
export type CrashPoint =
  | 'none'
  | 'before the barrier'
  | 'before the commit'
  | 'after the commit'
  | 'before the submit'
  | 'after the submit'
  | 'in the first step'
  | 'after an effect, before its completion is saved'
  | 'between two steps'
  | 'before the finish is saved'
  | 'after query prepared has answered'

/** SIGKILL to itself: nothing that the process still has in its hands gets out. */
export async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return await new Promise<never>(() => {})
}

/** The database, in which the process dies at the point. Nothing of the library is changed. */
export function crashingDatabase<Tx, O>(
  database: SqlDatabase<Tx, O>,
  point: CrashPoint,
): SqlDatabase<Tx, O> {
  const crashing: SqlDatabase<Tx, O> = replacing(database, {
    async transaction<R>(work: (tx: Tx) => Promise<R>, options?: O): Promise<R> {
      const value = await database.transaction(async (tx) => {
        const result = await work(tx)
        if (point === 'before the commit') await die()
        return result
      }, options)
      if (point === 'after the commit') await die()
      return value
    },
    context: (tx: Tx) => ({ ...database.context(tx), database: crashing }),
    barrier: {
      async insert(context: DbContext, key: Parameters<typeof database.barrier.insert>[1]) {
        if (point === 'before the barrier') await die()
        await database.barrier.insert(context, key)
      },
      async resolve(key: Parameters<typeof database.barrier.resolve>[0]) {
        const outcome = await database.barrier.resolve(key)
        if (point === 'after query prepared has answered') await die()
        return outcome
      },
    },
  })
  return crashing
}

/** The store, in which the process dies at the point. */
export function crashingStore(store: JobStore, point: CrashPoint): JobStore {
  return replacing(store, {
    async submit(...args: Parameters<JobStore['submit']>) {
      if (point === 'before the submit') await die()
      const submitted = await store.submit(...args)
      if (point === 'after the submit') await die()
      return submitted
    },
    async settle(settlements: readonly Settlement[]) {
      const has = (to: Settlement['to']): boolean => settlements.some((each) => each.to === to)
      if (point === 'after an effect, before its completion is saved' && has('advanced'))
        await die()
      if (point === 'before the finish is saved' && has('finished')) await die()
      const results = await store.settle(settlements)
      if (point === 'between two steps' && has('advanced')) await die()
      return results
    },
  })
}
