import { barrierUndecided, databaseChanged, isSteppingError, SteppingError } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import type { SqlDialect } from './dialect.ts'
import type { AnySqlDatabase } from './sql-database.ts'
import type { Execute } from './statement.ts'

/** How long the question may wait for a connection: the pool may be full, or its only one busy. */
const connectionWaitMs = 2_000

/**
 * How long the question waits where the database has one lock: other transactions than the one that
 * is asked about hold it too.
 */
const lockWaitMs = 1_000

/** Decides a gid on a connection of its own, durably; see `Barrier.resolve`. */
export async function resolveBarrier(
  database: AnySqlDatabase,
  key: BarrierKey,
): Promise<'committed' | 'rolledBack'> {
  const { sqlDialect: dialect, tables } = database
  let phase: 'waiting' | 'asking' | 'given up' = 'waiting'
  let timer: ReturnType<typeof setTimeout> | undefined
  const noConnection = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      if (phase !== 'waiting') return
      phase = 'given up'
      reject(barrierUndecided(key.gid))
    }, connectionWaitMs)
  })
  const ask = async (execute: Execute): ReturnType<SqlDialect['resolveBarrier']> => {
    if (phase === 'given up') throw barrierUndecided(key.gid)
    phase = 'asking'
    return await dialect.resolveBarrier(tables, execute, key)
  }
  const asked = dialect.resolvesAlone
    ? ask((statement) => database.run(statement, { waitMs: lockWaitMs }))
    : database.atomically(ask)
  try {
    const reason = await Promise.race([asked, noConnection])
    if (reason === 'msg') return 'committed'
    // `empty`: what committed had no job, so a job of this gid is of a transaction that did not.
    if (reason === 'rollback' || reason === 'empty') return 'rolledBack'
    throw reason === 'expired'
      ? new SteppingError(
          'BARRIER_EXPIRED',
          `Job ${key.gid} was asked about too late: its row may have been cleaned away.`,
          { gid: key.gid },
        )
      : databaseChanged(database.ref, key.gid)
  } catch (error) {
    if (!dialect.isUndecided(error) && !isOfTransaction(error)) throw error
    throw barrierUndecided(key.gid, error)
  } finally {
    clearTimeout(timer)
    asked.catch(() => {}) // given up, it still ends some time
  }
}

/** What became of the question's own transaction must not be taken for what became of the job's. */
function isOfTransaction(error: unknown): boolean {
  return isSteppingError(error) && error.code.startsWith('TRANSACTION_')
}
