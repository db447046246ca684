import type { JobState, JobView } from '@stepping/core'
import type { ActiveState } from '../job-state.ts'
import { decodeDatabase, decodeSteps } from './job-content.ts'
import type { Claim, Settlement } from './job-store.ts'
import type { Standing } from './was-written.ts'

/** A row as the statements select it, whatever the driver. */
export type Row = Record<string, unknown>

export function claimOf(row: Row): Claim {
  return {
    gid: row['gid'] as string,
    token: row['lease_token'] as number,
    state: row['state'] as ActiveState,
    steps: decodeSteps(row['steps'] as string),
    cursor: row['cursor'] as number,
    attempts: row['attempts'] as number,
    ...decodeDatabase(row['database'] as string | null),
  }
}

export function standingOf(row: Row): Standing {
  return {
    token: row['lease_token'] as number,
    cursor: row['cursor'] as number,
    state: row['state'] as JobState,
    leased: row['leased'] as boolean,
  }
}

export function viewOf(row: Row): JobView {
  const steps = decodeSteps(row['steps'] as string)
  const done = (row['cursor'] as number | null) ?? steps.length
  const finishedAt = row['finished_at'] as number | null
  return {
    gid: row['gid'] as string,
    app: row['app'] as string,
    state: row['state'] as JobState,
    steps: steps.map(({ name }, index) => ({ name, done: index < done })),
    attempts: row['attempts'] as number,
    lastError: row['last_error'] as string | null,
    running: row['running'] as boolean,
    dueAt: new Date(row['due_at'] as number),
    createdAt: new Date(row['created_at'] as number),
    finishedAt: finishedAt === null ? null : new Date(finishedAt),
  }
}

/** An error's text may hold a NUL, which PostgreSQL refuses in text: one such row would fail its whole batch. */
export function storable(settlement: Settlement): Settlement {
  if (!('error' in settlement)) return settlement
  return { ...settlement, error: settlement.error.replaceAll('\0', '\uFFFD').toWellFormed() }
}

export function gidsOf(rows: readonly Row[]): Set<string> {
  return new Set(rows.map((row) => row['gid'] as string))
}
