import type { DatabaseRef } from './db-context.ts'
import { SteppingError } from './errors.ts'
import { describeRef } from './nesting.ts'
import { safeAge } from './safe-age.ts'

/** A barrier row that was not inserted because there is one, with this reason. */
export function barrierTaken(gid: string, reason: unknown): SteppingError {
  return reason === 'rollback'
    ? new SteppingError(
        'BARRIER_DECIDED',
        `Job ${gid} was decided as rolled back, because it was asked about before this transaction got here. Roll the transaction back and begin again with a new job.`,
        { gid },
      )
    : new SteppingError(
        'JOB_DUPLICATE',
        `A transaction with the gid ${gid} is committed already. Roll this transaction back; if the gid is a message's id, the message was handled.`,
        { gid },
      )
}

/** Its identity is not the one that the job was stored with. */
export function databaseChanged(ref: DatabaseRef, gid: string): SteppingError {
  return new SteppingError(
    'DATABASE_CHANGED',
    `The database ${describeRef(ref)} is not the one that job ${gid} was stored with: its identity differs. Point the name at the right database; the job stays prepared.`,
    { gid },
  )
}

/** A lock, a time limit or a full pool kept the answer away. */
export function barrierUndecided(gid: string, cause?: unknown): SteppingError {
  return new SteppingError(
    'BARRIER_UNDECIDED',
    `Whether job ${gid} is committed cannot be said yet: its transaction is still open, or the database is busy. Ask again.`,
    cause === undefined ? { gid } : { gid, cause },
  )
}

/**
 * A clock that is far off would make the guards refuse what is fresh, or accept what is late.
 *
 * @param now What a database answered that was asked at `askedAt` and has answered now, both in milliseconds since 1970.
 * @throws SteppingError `CLOCK_SKEW`
 */
export function assertClock(ref: DatabaseRef, askedAt: number, now: number): void {
  const skew = Math.max(askedAt - now, now - Date.now())
  if (skew <= safeAge.clockSkewMs) return
  throw new SteppingError(
    'CLOCK_SKEW',
    `The clocks of this machine and of the database ${describeRef(ref)} are ${Math.round(skew / 1_000)} s apart; at most ${safeAge.clockSkewMs / 1_000} s are safe. Set them by NTP.`,
  )
}
