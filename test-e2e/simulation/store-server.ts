import { SteppingError } from '@stepping/core'
import type { JobRecord, JobView } from '@stepping/core'
import { memoryJobStore } from '@stepping/self-tm'
import type {
  Claimed,
  ClaimRequest,
  HeldLease,
  JobStore,
  LeaseRequest,
  NewLease,
  Settlement,
  SettleResult,
  Submitted,
} from '@stepping/self-tm'
import { DatabaseServer } from './database-server.ts'
import type { DatabaseObserver } from './database-server.ts'
import type { Scheduler } from './scheduler.ts'
import type { EnlistedJob, ServerTransaction } from './server-transaction.ts'

type Listener = () => void

/** A row before and after a request; null: there is none. The same object twice: nothing changed. */
export interface RowChange {
  readonly gid: string
  readonly before: JobView | null
  readonly after: JobView | null
}

export interface StoreObserver {
  rowChanged(cause: string, change: RowChange): void
  /** A row is created that belongs to no transaction, so it is committed. */
  createdAlone(gid: string): void
  settled(settlement: Settlement, change: RowChange, newestToken: number): void
  renewed(lease: HeldLease, newestToken: number): void
  /** Who had a lease before has it no more. */
  claimed(gid: string): void
  /** An operator's retry was taken. */
  retried(view: JobView): void
}

/**
 * The database that holds the jobs: the shipped store in memory, whose rows also come from
 * transactions of this database. After each request it is looked up what that changed.
 */
export class StoreServer extends DatabaseServer {
  readonly memory: JobStore
  readonly #observer: StoreObserver
  /** The newest token of each row, counted beside the store. */
  readonly #tokens = new Map<string, number>()
  readonly #views = new Map<string, JobView | null>()
  readonly #listeners = new Set<Listener>()

  constructor(name: string, scheduler: Scheduler, observer: StoreObserver & DatabaseObserver) {
    super(name, scheduler, observer)
    this.memory = memoryJobStore({ now: () => this.nowMs })
    this.#observer = observer
  }

  /** Every row that ever was, as it was when something changed it last. */
  get rows(): ReadonlyMap<string, JobView | null> {
    return this.#views
  }

  async prepare(job: JobRecord): Promise<void> {
    await this.#whenFree(undefined, job.gid, () => this.memory.prepare(job))
    await this.#look('prepare', job.gid)
  }

  async submit(job: JobRecord, lease?: LeaseRequest): Promise<Submitted> {
    const { gid } = job
    const submitted = await this.#whenFree(undefined, gid, () => this.memory.submit(job, lease))
    if (submitted.started) {
      this.#tokens.set(gid, this.#newest(gid) + 1)
      this.#observer.claimed(gid)
    }
    if (submitted.started && !job.database) this.#observer.createdAlone(gid)
    await this.#look('submit', gid)
    return submitted
  }

  /** The insert of a job in an open transaction of this database. */
  async insertJob(
    tx: ServerTransaction,
    job: JobRecord,
    lease: NewLease | undefined,
  ): Promise<boolean> {
    const { gid, notAfter } = job
    return await this.#whenFree(tx, gid, () => {
      if (this.nowMs >= notAfter)
        throw new SteppingError('BARRIER_EXPIRED', `${gid} came too late.`)
      if (this.#views.get(gid)) return false
      tx.rows.jobs.push({ job, lease, insertedAtMs: this.nowMs })
      return true
    })
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const claimed = await this.memory.claim(request)
    for (const { gid, token } of claimed.claims) {
      this.#tokens.set(gid, token)
      this.#observer.claimed(gid)
      await this.#look('claim', gid)
    }
    return claimed
  }

  async renew(held: readonly HeldLease[], leaseMs: number): Promise<ReadonlySet<string>> {
    const renewed = await this.memory.renew(held, leaseMs)
    for (const lease of held) {
      if (renewed.has(lease.gid)) this.#observer.renewed(lease, this.#newest(lease.gid))
    }
    return renewed
  }

  async settle(settlements: readonly Settlement[]): Promise<ReadonlyMap<string, SettleResult>> {
    const results = await this.memory.settle(settlements)
    for (const settlement of settlements) {
      const change = await this.#look(`${settlement.to} is written`, settlement.gid)
      this.#observer.settled(settlement, change, this.#newest(settlement.gid))
    }
    return results
  }

  async retry(gid: string): Promise<boolean> {
    const done = await this.memory.retry(gid)
    const { after } = await this.#look('retry', gid)
    if (done && after) this.#observer.retried(after)
    return done
  }

  async end(seen: JobView, as: 'cancelled' | 'rolledBack'): Promise<boolean> {
    const done = await this.memory.end(seen, as)
    if (done) this.#tokens.set(seen.gid, this.#newest(seen.gid) + 1)
    await this.#look(`end as ${as}`, seen.gid)
    return done
  }

  async prune(limit: number): Promise<number> {
    const deleted = await this.memory.prune(limit)
    for (const gid of this.#views.keys()) await this.#look('prune', gid)
    return deleted
  }

  listen(listener: Listener): void {
    this.#listeners.add(listener)
  }

  unlisten(listener: Listener): void {
    this.#listeners.delete(listener)
  }

  /** NOTIFY. Whom it does not reach looks by itself. */
  tell(): void {
    for (const listener of this.#listeners) listener()
  }

  protected override write(tx: ServerTransaction): void {
    super.write(tx)
    for (const each of tx.rows.jobs) void this.#writeJob(each)
  }

  /** The lease counts from the insert, and the guard was asked there. Both writes happen at once. */
  async #writeJob({ job, lease, insertedAtMs }: EnlistedJob): Promise<void> {
    const left = lease && { ...lease, leaseMs: insertedAtMs + lease.leaseMs - this.nowMs }
    const prepared = this.memory.prepare({ ...job, notAfter: Infinity })
    const submitted = this.memory.submit(job, left)
    this.#tokens.set(job.gid, lease?.token ?? 1)
    await Promise.all([prepared, submitted])
    await this.#look('commit', job.gid)
  }

  async #whenFree<R>(
    tx: ServerTransaction | undefined,
    gid: string,
    goOn: () => R,
  ): Promise<Awaited<R>> {
    const isHeld = ({ rows }: ServerTransaction): boolean =>
      rows.jobs.some(({ job }) => job.gid === gid)
    return await this.whenFree(tx, isHeld, goOn)
  }

  #newest(gid: string): number {
    return this.#tokens.get(gid) ?? 0
  }

  async #look(cause: string, gid: string): Promise<RowChange> {
    const before = this.#views.get(gid) ?? null
    const found = await this.memory.find(gid)
    const after = isSame(before, found) ? before : found
    this.#views.set(gid, after)
    const change = { gid, before, after }
    if (before !== after) this.#observer.rowChanged(cause, change)
    return change
  }
}

/** But for the lease, which runs out by itself. */
function isSame(a: JobView | null, b: JobView | null): boolean {
  if (!a || !b) return a === b
  return (
    a.state === b.state &&
    a.attempts === b.attempts &&
    a.lastError === b.lastError &&
    a.dueAt.getTime() === b.dueAt.getTime() &&
    a.steps.every(({ done }, index) => done === b.steps[index]?.done)
  )
}
