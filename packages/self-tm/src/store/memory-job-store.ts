import { jobRetentionMs, SteppingError } from '@stepping/core'
import type {
  DatabaseIdentity,
  DbContext,
  JobPageRequest,
  JobRecord,
  JobState,
  JobView,
} from '@stepping/core'
import { isOver } from '../job-state.ts'
import type { ActiveState } from '../job-state.ts'
import {
  assertSameContent,
  assertStillPrepared,
  contentOf,
  decodeDatabase,
  decodeSteps,
} from './job-content.ts'
import type { JobContent } from './job-content.ts'
import type {
  Claim,
  Claimed,
  ClaimRequest,
  HeldLease,
  JobStore,
  LeaseRequest,
  NewLease,
  Settlement,
  SettleResult,
  Submitted,
} from './job-store.ts'
import { lastErrorOf } from './job-rows.ts'
import { wasWritten } from './was-written.ts'
import type { Standing } from './was-written.ts'

interface Row extends JobContent {
  readonly gid: string
  readonly createdAt: number
  state: JobState
  cursor: number
  attempts: number
  dueAt: number
  token: number
  /** Null: nobody holds it. */
  leaseUntil: number | null
  retryNow: boolean
  lastError: string | null
  finishedAt: number | null
}

export interface MemoryJobStoreOptions {
  /** Epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number
  readonly queryPreparedAfterMs?: number
}

/**
 * Jobs in this process's memory: gone when it ends. For trying out, for tests, and to read what a
 * store does without any SQL. All rows are kept until `prune`.
 */
export function memoryJobStore(options: MemoryJobStoreOptions = {}): JobStore {
  return new MemoryJobStore(options)
}

class MemoryJobStore implements JobStore {
  readonly #rows = new Map<string, Row>()
  readonly #now: () => number
  readonly #queryPreparedAfterMs: number

  constructor({ now = Date.now, queryPreparedAfterMs = 10_000 }: MemoryJobStoreOptions) {
    this.#now = now
    this.#queryPreparedAfterMs = queryPreparedAfterMs
  }

  async migrate(): Promise<void> {}

  async assertReady(): Promise<void> {}

  async prepare(job: JobRecord): Promise<void> {
    const row = this.#rows.get(job.gid)
    if (row) assertStillPrepared(job, row)
    else this.#insert(job, 'prepared', this.#queryPreparedAfterMs)
  }

  /** With a `token` it stands for the insert of a transaction, which nothing reaches here; see `NewLease`. */
  async submit(job: JobRecord, lease?: LeaseRequest & Partial<NewLease>): Promise<Submitted> {
    const found = this.#rows.get(job.gid)
    if (found) assertSameContent(job.gid, found, contentOf(job))
    if (found?.state === 'rolledBack') {
      throw new SteppingError('TRANSACTION_ROLLED_BACK', `Job ${job.gid} was dropped.`, {
        gid: job.gid,
      })
    }
    if (found && found.state !== 'prepared') return { started: false }
    if (!found && job.database) {
      throw new SteppingError('JOB_UNKNOWN', `Job ${job.gid} was never prepared.`, { gid: job.gid })
    }
    const row = found ?? this.#insert(job, 'submitted', 0)
    row.state = 'submitted'
    row.attempts = 0
    row.dueAt = this.#now()
    row.retryNow = false
    row.token = lease?.token ?? row.token + 1
    row.leaseUntil = lease ? this.#now() + lease.leaseMs : null
    return { started: true, ...(lease && { token: row.token }) }
  }

  /** No transaction reaches into this process's memory. */
  async enlist(_context: DbContext, _job: JobRecord): Promise<boolean> {
    return false
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const now = this.#now()
    const known = new Set(request.stepNames)
    const active = [...this.#rows.values()]
      .filter((row) => row.app === request.app && !isOver(row.state) && row.state !== 'parked')
      .toSorted((a, b) => a.dueAt - b.dueAt)
    const mine = active.filter((row) => row.state === 'prepared' || known.has(nextStep(row)))
    const claims = mine.filter((row) => freeAt(row) <= now).slice(0, request.limit)
    const cutOff = new Set(claims.filter((row) => row.leaseUntil !== null))
    for (const row of claims) {
      if (cutOff.has(row) && row.state === 'submitted') row.attempts += 1
      row.token += 1
      row.leaseUntil = now + request.leaseMs
    }
    const times = mine.filter((row) => !claims.includes(row)).map((row) => freeAt(row) - now)
    const next = Math.min(...times)
    const unknown = active.filter((row) => !mine.includes(row) && freeAt(row) < now - 3_000)
    const { lookAheadMs = -1 } = request
    return {
      claims: claims.map((row) => ({ ...claimOf(row), cutOff: cutOff.has(row) })),
      nextInMs: next <= lookAheadMs ? next : null,
      unknownSteps: lookAheadMs < 0 ? null : [...new Set(unknown.map(nextStep))],
    }
  }

  async renew(held: readonly HeldLease[], leaseMs: number): Promise<ReadonlySet<string>> {
    const renewed = held.map((lease) => this.#held(lease)).filter((row) => row !== undefined)
    for (const row of renewed) row.leaseUntil = this.#now() + leaseMs
    return new Set(renewed.map((row) => row.gid))
  }

  async settle(settlements: readonly Settlement[]): Promise<ReadonlyMap<string, SettleResult>> {
    return new Map(
      settlements.map((settlement) => {
        const { gid } = settlement
        const held = this.#held(settlement)
        if (held && isExpected(held, settlement)) this.#write(held, settlement)
        else if (!wasWritten(settlement, standingOf(this.#rows.get(gid)))) return [gid, 'lost']
        return [gid, 'saved']
      }),
    )
  }

  async find(gid: string): Promise<JobView | null> {
    const row = this.#rows.get(gid)
    return row ? this.#view(row) : null
  }

  async list({ app, state, limit, after }: JobPageRequest): Promise<readonly JobView[]> {
    return [...this.#rows.values()]
      .filter((row) => row.app === app && row.state === state && row.gid > after)
      .toSorted((a, b) => (a.gid < b.gid ? -1 : 1))
      .slice(0, limit)
      .map((row) => this.#view(row))
  }

  async databaseOf(gid: string): Promise<DatabaseIdentity | undefined> {
    return decodeDatabase(this.#rows.get(gid)?.database ?? null).database
  }

  /** A lease that ran out may still be renewed, and the end of its attempt may arrive. */
  async retry(gid: string): Promise<boolean> {
    const row = this.#rows.get(gid)
    if (!row || isOver(row.state)) return false
    if (row.state === 'parked') Object.assign(row, { state: 'submitted', attempts: 0 })
    row.retryNow = row.leaseUntil !== null
    if (!isHeld(row, this.#now())) row.dueAt = this.#now()
    return true
  }

  async end(seen: JobView, as: 'cancelled' | 'rolledBack'): Promise<boolean> {
    const row = this.#rows.get(seen.gid)
    const done = seen.steps.filter((step) => step.done).length
    if (!row || row.state !== seen.state || row.cursor !== done) return false
    if (isHeld(row, this.#now())) return false
    Object.assign(row, {
      state: as,
      finishedAt: this.#now(),
      token: row.token + 1,
      leaseUntil: null,
    })
    return true
  }

  async overview(app: string): Promise<{ prepared: number; submitted: number; parked: number }> {
    const count = (state: JobState): number =>
      [...this.#rows.values()].filter((row) => row.app === app && row.state === state).length
    return { prepared: count('prepared'), submitted: count('submitted'), parked: count('parked') }
  }

  async prune(limit: number): Promise<number> {
    const before = this.#now() - jobRetentionMs
    const old = [...this.#rows.values()].filter(
      (row) => row.finishedAt !== null && row.finishedAt < before,
    )
    for (const row of old.slice(0, limit)) this.#rows.delete(row.gid)
    return Math.min(old.length, limit)
  }

  async over(gids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(gids.filter((gid) => isOver(this.#rows.get(gid)?.state ?? 'submitted')))
  }

  async active(gids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(gids.filter((gid) => !isOver(this.#rows.get(gid)?.state ?? 'finished')))
  }

  #view(row: Row): JobView {
    return {
      gid: row.gid,
      app: row.app,
      state: row.state,
      steps: decodeSteps(row.steps).map(({ name }, index) => ({ name, done: index < row.cursor })),
      attempts: row.attempts,
      lastError: lastErrorOf(row.state, row.lastError),
      running: isHeld(row, this.#now()),
      dueAt: new Date(row.dueAt),
      createdAt: new Date(row.createdAt),
      finishedAt: row.finishedAt === null ? null : new Date(row.finishedAt),
    }
  }

  #insert(job: JobRecord, state: ActiveState, dueInMs: number): Row {
    if (this.#now() >= job.notAfter) {
      throw new SteppingError('BARRIER_EXPIRED', `Job ${job.gid} was created too long ago.`, {
        gid: job.gid,
      })
    }
    const row: Row = {
      ...contentOf(job),
      gid: job.gid,
      createdAt: this.#now(),
      state,
      cursor: 0,
      attempts: 0,
      dueAt: this.#now() + dueInMs,
      token: 0,
      leaseUntil: null,
      retryNow: false,
      lastError: null,
      finishedAt: null,
    }
    this.#rows.set(job.gid, row)
    return row
  }

  /** The row, if this token is the newest and its lease was not given up. */
  #held({ gid, token }: HeldLease): Row | undefined {
    const row = this.#rows.get(gid)
    return row?.token === token && row.leaseUntil !== null ? row : undefined
  }

  #write(row: Row, settlement: Settlement): void {
    const now = this.#now()
    switch (settlement.to) {
      case 'advanced':
        Object.assign(row, {
          cursor: row.cursor + 1,
          attempts: 0,
          lastError: null,
          retryNow: false,
        })
        row.leaseUntil = now + settlement.leaseMs
        return
      case 'submitted':
        Object.assign(row, {
          state: 'submitted',
          attempts: 0,
          retryNow: false,
          leaseUntil: now + settlement.leaseMs,
        })
        return
      case 'finished':
        Object.assign(row, {
          state: 'finished',
          cursor: row.cursor + 1,
          leaseUntil: null,
          finishedAt: now,
        })
        return
      case 'rolledBack':
        Object.assign(row, { state: 'rolledBack', leaseUntil: null, finishedAt: now })
        return
      case 'returned':
        Object.assign(row, { dueAt: now + settlement.inMs, leaseUntil: null })
        return
      case 'retried':
      case 'parked': {
        row.attempts += 1
        row.lastError = settlement.error
        row.leaseUntil = null
        // The operator's word is newer than the failure.
        if (row.retryNow) row.dueAt = now
        else if (settlement.to === 'parked') row.state = 'parked'
        else row.dueAt = now + settlement.inMs
        row.retryNow = false
      }
    }
  }
}

function claimOf(row: Row): Claim {
  return {
    gid: row.gid,
    token: row.token,
    state: row.state as ActiveState,
    steps: decodeSteps(row.steps),
    cursor: row.cursor,
    attempts: row.attempts,
    ...decodeDatabase(row.database),
  }
}

function standingOf(row: Row | undefined): Standing | undefined {
  if (!row) return undefined
  return { token: row.token, cursor: row.cursor, state: row.state, leased: row.leaseUntil !== null }
}

function nextStep(row: Row): string {
  return decodeSteps(row.steps)[row.cursor]?.name ?? ''
}

/** Whether the row stands where the attempt ended. A repeat of `submitted` would else undo an operator's retry. */
function isExpected({ cursor, state }: Row, settlement: Settlement): boolean {
  const isRepeat = settlement.to === 'submitted' && state !== 'prepared'
  return cursor === settlement.cursor && !isRepeat
}

function isHeld(row: Row, now: number): boolean {
  return row.leaseUntil !== null && row.leaseUntil > now
}

function freeAt(row: Row): number {
  return Math.max(row.dueAt, row.leaseUntil ?? row.dueAt)
}
