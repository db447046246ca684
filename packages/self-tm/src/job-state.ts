import type { JobState } from '@stepping/core'

/** States in which a worker has something to do. */
export const activeStates = ['prepared', 'submitted'] as const

export type ActiveState = (typeof activeStates)[number]

/**
 * Every move a job can make; whatever is not listed here does not happen. `docs/job-states.md`
 * draws it.
 */
export const legalMoves: Readonly<Record<JobState, readonly JobState[]>> = {
  /** Only the barrier's answer leads out of it. */
  prepared: ['submitted', 'rolledBack', 'cancelled'],
  submitted: ['submitted', 'finished', 'parked', 'cancelled'],
  parked: ['submitted', 'cancelled'],
  finished: [],
  rolledBack: [],
  cancelled: [],
}

export function isOver(state: JobState): boolean {
  return legalMoves[state].length === 0
}
