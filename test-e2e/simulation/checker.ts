import type { JobView } from '@stepping/core'
import { legalMoves } from '@stepping/self-tm'
import type { HeldLease, Settlement } from '@stepping/self-tm'
import { Attempts } from './attempts.ts'
import type { DatabaseObserver } from './database-server.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type { RowChange, StoreObserver } from './store-server.ts'

const over = new Set(['finished', 'rolledBack', 'cancelled'])

export interface Expectations {
  /** Clocks keep to what the promise rests on. */
  readonly clocksAreGood: boolean
  find(gid: string): Promise<JobView | null>
  storeNowMs(): number
  onViolation(text: string): void
}

/**
 * Knows what really happened, from the servers and the steps, and holds the engine to the
 * invariants. It shares no code with the engine but the list of legal moves.
 */
export class Checker implements StoreObserver, DatabaseObserver {
  readonly attempts: Attempts
  readonly violations: string[] = []
  readonly #expectations: Expectations
  /** Jobs whose transaction committed, or which stand by themselves. */
  readonly #committed = new Set<string>()
  readonly #effects = new Map<string, number>()
  readonly #wasOver = new Set<string>()
  /** Retries that no attempt has followed, and whether a lease was running then. */
  readonly #retryPending = new Map<string, boolean>()
  readonly #origins = new Map<string, number>()

  constructor(expectations: Expectations) {
    this.#expectations = expectations
    this.attempts = new Attempts({
      fail: this.fail,
      isCommitted: (gid) => this.isCommitted(gid),
      find: (gid) => expectations.find(gid),
      clocksAreGood: expectations.clocksAreGood,
    })
  }

  readonly fail = (text: string): void => {
    this.violations.push(text)
    this.#expectations.onViolation(text)
  }

  get clocksAreGood(): boolean {
    return this.#expectations.clocksAreGood
  }

  isCommitted(gid: string): boolean {
    return this.#committed.has(gid)
  }

  hasEffect(effect: string): boolean {
    return this.#effects.has(effect)
  }

  /** A transaction committed, with all that it wrote. */
  committed(tx: ServerTransaction): void {
    for (const gid of tx.gids) {
      if (this.#committed.has(gid)) this.fail(`two transactions committed the job ${gid}`)
      if (this.#wasOver.has(gid)) this.fail(`job ${gid} committed after its job was dropped`)
      this.#committed.add(gid)
    }
    for (const effect of tx.rows.effects) {
      this.#effects.set(effect, (this.#effects.get(effect) ?? 0) + 1)
    }
  }

  /** A caller was told that the job with this gid is its own. */
  accepted(gid: string, origin: number): void {
    const first = this.#origins.get(gid) ?? origin
    this.#origins.set(gid, first)
    if (first !== origin)
      this.fail(`callers with different jobs were both told that ${gid} is theirs`)
  }

  createdAlone(gid: string): void {
    this.#committed.add(gid)
  }

  rowChanged(cause: string, { gid, before, after }: RowChange): void {
    const fail = (text: string): void => this.fail(`${cause}: ${text}`)
    if (!after) {
      if (before && !over.has(before.state)) fail(`job ${gid} was deleted while ${before.state}`)
      return
    }
    const was = before?.state
    if (was && was !== after.state && !legalMoves[was].includes(after.state)) {
      fail(`job ${gid} went from ${was} to ${after.state}`)
    }
    if (after.state !== 'prepared' && was !== after.state) {
      const isDropped = after.state === 'rolledBack'
      if (isDropped === this.isCommitted(gid)) {
        fail(`job ${gid} became ${after.state} and is ${isDropped ? '' : 'not '}committed`)
      }
    }
    if (!before && after.state !== 'prepared' && this.#wasOver.has(gid)) {
      fail(`job ${gid} was over, and came back`)
    }
    this.#checkProgress(fail, gid, doneOf(before), after)
    if (after.state === 'cancelled' && was !== after.state && this.attempts.isRunning(gid)) {
      fail(`job ${gid} was cancelled while an attempt ran`)
    }
    if (over.has(after.state)) this.#wasOver.add(gid)
  }

  settled(settlement: Settlement, { gid, before, after }: RowChange, newestToken: number): void {
    if (before === after) return
    const { token, cursor, to } = settlement
    if (token !== newestToken) {
      this.fail(`an attempt that lost job ${gid} (token ${token} of ${newestToken}) wrote ${to}`)
    }
    if (cursor !== doneOf(before)) {
      this.fail(`${to} of step ${cursor} of ${gid} was written at step ${doneOf(before)}`)
    }
    if (to === 'returned' || !this.#retryPending.delete(gid)) return
    const isDue = (after?.dueAt.getTime() ?? 0) <= this.#expectations.storeNowMs()
    if ((to === 'retried' || to === 'parked') && (after?.state === 'parked' || !isDue)) {
      this.fail(`the failure of ${gid} was written over an operator's retry`)
    }
  }

  renewed({ gid, token }: HeldLease, newestToken: number): void {
    if (token === newestToken) return
    this.fail(
      `an attempt that lost job ${gid} (token ${token} of ${newestToken}) renewed its lease`,
    )
  }

  retried({ gid, running }: JobView): void {
    this.#retryPending.set(gid, running)
  }

  /** Where nobody held the job, this is the attempt that the operator wanted. */
  claimed(gid: string): void {
    if (this.#retryPending.get(gid) === false) this.#retryPending.delete(gid)
  }

  /** When nothing is left to happen. */
  checkEnd(rows: ReadonlyMap<string, JobView | null>): void {
    for (const [gid, row] of rows) {
      if (row && !over.has(row.state) && !this.#isParked(row)) {
        this.fail(`job ${gid} is still ${row.state} at the end (${row.lastError ?? 'no error'})`)
      }
    }
    for (const gid of this.#committed) {
      const row = rows.get(gid)
      if (!row && !this.#wasOver.has(gid)) this.fail(`job ${gid} committed and is nowhere`)
      if (row?.state === 'rolledBack') this.fail(`job ${gid} committed and was dropped`)
    }
    for (const [effect, times] of this.#effects) {
      if (effect.startsWith('once ') && times > 1)
        this.fail(`"${effect}" was committed ${times} times`)
    }
    for (const step of this.attempts.onceDone) {
      if (!this.#effects.has(`once ${step}`)) this.fail(`step ${step} is done without its once`)
    }
  }

  isSettled(rows: ReadonlyMap<string, JobView | null>): boolean {
    return [...rows.values()].every((row) => !row || over.has(row.state) || this.#isParked(row))
  }

  #isParked({ gid, state }: JobView): boolean {
    return state === 'parked' && this.attempts.mayPark.has(gid)
  }

  #checkProgress(fail: (text: string) => void, gid: string, was: number, after: JobView): void {
    const done = doneOf(after)
    if (done === was) return
    if (done !== was + 1) fail(`job ${gid} went from step ${was} to step ${done}`)
    if (!this.attempts.wasCompleted(gid, was)) {
      fail(`step ${was} of ${gid} is recorded as done, and no attempt of it ended well`)
    }
    if (after.state === 'finished' && done !== after.steps.length) {
      fail(`job ${gid} is finished after ${done} of ${after.steps.length} steps`)
    }
  }
}

function doneOf(row: JobView | null): number {
  return row?.steps.filter((step) => step.done).length ?? 0
}
