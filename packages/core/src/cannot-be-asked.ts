import type { DatabaseIdentity } from './db-context.ts'
import { isSteppingError, SteppingError } from './errors.ts'
import { describeError } from './event.ts'
import { describeRef } from './nesting.ts'

/**
 * Why a prepared job is not cancelled: only the barrier's answer leads out of prepared, and its
 * database does not give one. While the transaction is open that is all there is to say.
 */
export function cannotBeAsked(
  gid: string,
  database: DatabaseIdentity | undefined,
  error: unknown,
): unknown {
  if (!database || isSteppingError(error, 'BARRIER_UNDECIDED')) return error
  const code = isSteppingError(error) ? error.code : 'DATABASE_UNREACHABLE'
  return new SteppingError(
    code,
    `Job ${gid} is prepared, and only the database ${describeRef(database)} with the identity ${database.identity} knows whether it committed: ${describeError(error)} Try again when it is back. If it is gone for good, put another one in its place: docs/job-states.md has how.`,
    { gid, cause: error },
  )
}
