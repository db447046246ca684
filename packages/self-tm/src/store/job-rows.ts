import type { JobState, JobView } from '@stepping/core'
import type { ActiveState } from '../job-state.ts'
import { decodeDatabase, decodeSteps } from './job-content.ts'
import type { Claim, Settlement } from './job-store.ts'
import type { Standing } from './was-written.ts'

/** A row as the statements select it. Drivers differ in what they make of numbers and booleans. */
export type Row = Record<string, unknown>

export function claimOf(row: Row): Claim {
  return {
    gid: row['gid'] as string,
    token: Number(row['lease_token']),
    state: row['state'] as ActiveState,
    steps: decodeSteps(row['steps'] as string),
    cursor: Number(row['cursor']),
    attempts: Number(row['attempts']),
    cutOff: isTrue(row['cut_off']),
    database: decodeDatabase(row['database'] as string | null).database,
  }
}

export function standingOf(row: Row): Standing {
  return {
    token: Number(row['lease_token']),
    cursor: Number(row['cursor']),
    state: row['state'] as JobState,
    leased: isTrue(row['leased']),
  }
}

export function viewOf(row: Row): JobView {
  const steps = decodeSteps(row['steps'] as string)
  const done = row['cursor'] === null ? steps.length : Number(row['cursor'])
  const finishedAt = row['finished_at']
  const state = row['state'] as JobState
  return {
    gid: row['gid'] as string,
    app: row['app'] as string,
    state,
    steps: steps.map(({ name }, index) => ({ name, done: index < done })),
    attempts: Number(row['attempts']),
    lastError: lastErrorOf(state, row['last_error'] as string | null),
    running: isTrue(row['running']),
    dueAt: timeOf(row['due_at']),
    createdAt: timeOf(row['created_at']),
    finishedAt: finishedAt === null ? null : timeOf(finishedAt),
  }
}

/** The row keeps the error of an attempt that was followed by one that did it. */
export function lastErrorOf(state: JobState, stored: string | null): string | null {
  return state === 'finished' ? null : stored
}

/** An error's text may hold a NUL, which PostgreSQL refuses in text: one such row would fail its whole batch. */
export function storable(settlement: Settlement): Settlement {
  if (!('error' in settlement)) return settlement
  return { ...settlement, error: settlement.error.replaceAll('\0', '\uFFFD').toWellFormed() }
}

export function gidsOf(rows: readonly Row[]): Set<string> {
  return new Set(rows.map((row) => row['gid'] as string))
}

export function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value)
}

function timeOf(epochMs: unknown): Date {
  return new Date(Number(epochMs))
}

function isTrue(value: unknown): boolean {
  return Number(value) === 1
}
