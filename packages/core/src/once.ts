import type { Database } from './db-context.ts'
import { SteppingError } from './errors.ts'
import type { JobSteps } from './job.ts'
import { encodeJson } from './json.ts'
import { describeRef } from './nesting.ts'
import { safeAge } from './safe-age.ts'
import type { OnceResult, StepContext } from './step.ts'
import type { StepCall } from './transaction-manager.ts'
import { runInTransaction } from './transaction.ts'
import type { TransactionParts, TransactionWork } from './transaction.ts'

/**
 * The `once` of one attempt. The key is (gid, step, key), the same in every attempt, so a zombie
 * of an earlier attempt and its successor meet at one row: one of them waits, and finds it taken.
 */
export function onceFor(
  parts: TransactionParts,
  call: StepCall,
  owner: string,
): StepContext['once'] {
  const used = new Set<string>()
  const notAfter = Date.now() + safeAge.attemptWindowMs
  return async function once<Tx, R>(
    database: Database<Tx>,
    work: (tx: Tx, job: JobSteps) => Promise<R>,
    { key = '' }: { readonly key?: string } = {},
  ): Promise<OnceResult<R>> {
    const place = `${describeRef(database.ref)} ${key}`
    if (used.has(place)) {
      throw new SteppingError(
        'ONCE_KEY_REUSED',
        `Step ${call.name} uses once on ${describeRef(database.ref)} a second time with the same key. Give each use its own: once(database, work, { key: 'reserve' }).`,
        { gid: call.gid },
      )
    }
    used.add(place)
    const row = { gid: call.gid, index: call.index, key, owner, notAfter }
    try {
      const attempt: TransactionWork<Tx, OnceResult<R>> = async (tx, job, context) => {
        const stored = await database.once.take(context, row)
        if (stored) return { ran: false, value: decode<R>(stored.value) }
        const value = await work(tx, job)
        if (value !== undefined) {
          const json = encodeJson(value, `What once returns in step ${call.name}`)
          await database.once.store(context, row, json)
        }
        return { ran: true, value }
      }
      return await runInTransaction(parts, database, attempt, { once: true })
    } catch (error) {
      // The step may try it again. If it committed all the same, the row is found.
      used.delete(place)
      throw error
    }
  }
}

function decode<R>(value: string | null): R {
  return (value === null ? undefined : JSON.parse(value)) as R
}
