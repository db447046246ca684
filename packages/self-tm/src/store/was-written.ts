import type { JobState } from '@stepping/core'
import type { Settlement } from './job-store.ts'

/** Where a row stands that a settlement did not change. */
export interface Standing {
  readonly token: number
  readonly cursor: number
  readonly state: JobState
  /** Its lease was not given up; it may have run out. */
  readonly leased: boolean
}

/**
 * A settlement that changed nothing was written before, by a call whose answer was lost, or its
 * holder lost the job. A lease is given up only by a settlement under its own token, which tells
 * the two apart.
 */
export function wasWritten(settlement: Settlement, row: Standing | undefined): boolean {
  // Deleted by its own finish. If another holder finished it, there is nothing left to do either.
  if (!row) return settlement.to === 'finished'
  if (row.token !== settlement.token) return false
  switch (settlement.to) {
    case 'advanced':
    case 'finished':
      return row.cursor === settlement.cursor + 1
    case 'submitted':
      return row.cursor === settlement.cursor && row.state === 'submitted'
    case 'rolledBack':
    case 'retried':
    case 'parked':
    case 'returned':
      return row.cursor === settlement.cursor && !row.leased
  }
}

/** Nothing came of the lease under which it was to be written. */
export function isStillHeld(settlement: Settlement, row: Standing | undefined): boolean {
  return (
    row !== undefined &&
    row.leased &&
    row.token === settlement.token &&
    row.cursor === settlement.cursor &&
    (row.state === 'prepared' || row.state === 'submitted')
  )
}
