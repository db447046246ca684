import { SteppingError } from '@stepping/core'
import { standingOf, storable } from './job-rows.ts'
import type { Row } from './job-rows.ts'
import type { Settlement, SettleResult } from './job-store.ts'
import { isStillHeld, wasWritten } from './was-written.ts'

/** What a store says to its database about a batch of endings. */
export interface BatchStatements {
  /** How many were written. */
  readonly write: (batch: readonly Settlement[]) => Promise<number>
  /** Where the rows of these gids stand, as `standingOf` reads them. */
  readonly read: (gids: readonly string[]) => Promise<readonly Row[]>
}

/** How often an ending is written whose row others change in between, before whoever asks has to wait. */
const attempts = 20

/**
 * Resolves when each is written, or is known to be of a lease that was lost.
 *
 * @throws SteppingError `DATABASE_UNREACHABLE` when some could not be written: the batch has to be sent again.
 */
export async function settleBatch(
  settlements: readonly Settlement[],
  statements: BatchStatements,
): Promise<ReadonlyMap<string, SettleResult>> {
  const results = new Map<string, SettleResult>()
  let left = settlements.map(storable)
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > attempts) throw notWritten(left[0]!.gid)
    left = await settleOnce(left, statements, results)
  }
  return results
}

/** @returns those that are to be written again. */
async function settleOnce(
  batch: readonly Settlement[],
  { write, read }: BatchStatements,
  results: Map<string, SettleResult>,
): Promise<Settlement[]> {
  const again: Settlement[] = []
  if ((await write(batch)) === batch.length) {
    for (const { gid } of batch) results.set(gid, 'saved')
    return again
  }
  // A count does not say which were written. Where the rows stand does.
  const rows = await read(batch.map(({ gid }) => gid))
  const standing = new Map(rows.map((row) => [row['gid'] as string, standingOf(row)]))
  for (const settlement of batch) {
    const row = standing.get(settlement.gid)
    // By this call, or before by one whose answer was lost.
    if (wasWritten(settlement, row)) results.set(settlement.gid, 'saved')
    // Something else was written to the row in between, such as a renewal of its lease.
    else if (isStillHeld(settlement, row)) again.push(settlement)
    else results.set(settlement.gid, 'lost')
  }
  return again
}

function notWritten(gid: string): SteppingError {
  return new SteppingError(
    'DATABASE_UNREACHABLE',
    `The ending of job ${gid} could not be written: its row is held, and each time something else has changed it meanwhile, or keeps it from being written (a trigger?). It is tried again.`,
    { gid },
  )
}
