import { barrierRetentionMs, onceRetentionMs, SteppingError } from '@stepping/core'
import type { BarrierKey, OnceKey } from '@stepping/core'
import { epochMs } from './machine.ts'
import type { Scheduler } from './scheduler.ts'
import { ServerTransaction } from './server-transaction.ts'

interface BarrierRow {
  readonly reason: 'msg' | 'empty' | 'rollback'
  readonly createdAtMs: number
}

interface OnceRow {
  readonly owner: string
  readonly value: string | null
  overAtMs: number | null
}

export interface DatabaseObserver {
  committed(tx: ServerTransaction): void
}

export interface PruneKnowledge {
  readonly over: ReadonlySet<string>
  readonly onceOver: ReadonlySet<string>
}

/** How long a statement waits for a row that another transaction holds. */
const lockTimeoutMs = 20_000

/** One of the user's databases: transactions, business rows, and the rows that the barrier and `once` write. */
export class DatabaseServer {
  readonly name: string
  readonly identity: string
  readonly barrier = new Map<string, BarrierRow>()
  readonly once = new Map<string, OnceRow>()
  readonly open = new Set<ServerTransaction>()
  /** How far its clock is ahead. It may jump. */
  clockMs = 0
  protected readonly scheduler: Scheduler
  readonly #observer: DatabaseObserver

  constructor(name: string, scheduler: Scheduler, observer: DatabaseObserver) {
    this.name = name
    this.identity = `identity of ${name}`
    this.scheduler = scheduler
    this.#observer = observer
  }

  get nowMs(): number {
    return epochMs + this.scheduler.nowMs + this.clockMs
  }

  begin(): ServerTransaction {
    const tx = new ServerTransaction(this.scheduler.nowMs)
    this.open.add(tx)
    return tx
  }

  commit(tx: ServerTransaction): 'committed' | 'rolledBack' {
    if (tx.state !== 'open') {
      this.rollBack(tx)
      return 'rolledBack'
    }
    this.#observer.committed(tx)
    this.write(tx)
    this.#end(tx, 'committed')
    return 'committed'
  }

  rollBack(tx: ServerTransaction): void {
    if (tx.state === 'open' || tx.state === 'failed') this.#end(tx, 'rolledBack')
  }

  async insertBarrier(
    tx: ServerTransaction,
    { gid, notAfter }: BarrierKey,
    reason: 'msg' | 'empty' = 'msg',
  ): Promise<void> {
    const isHeld = (other: ServerTransaction): boolean => other.rows.barrier.has(gid)
    await this.whenFree(tx, isHeld, () => {
      if (this.nowMs >= notAfter)
        throw new SteppingError('BARRIER_EXPIRED', `${gid} came too late.`)
      const found = tx.rows.barrier.get(gid) ?? this.barrier.get(gid)?.reason
      if (found === 'rollback') throw new SteppingError('BARRIER_DECIDED', `${gid} rolled back.`)
      if (found) throw new SteppingError('JOB_DUPLICATE', `${gid} is committed.`)
      tx.rows.barrier.set(gid, reason)
    })
  }

  async resolve({ gid, identity, notAfter }: BarrierKey): Promise<'committed' | 'rolledBack'> {
    if (identity !== this.identity) {
      throw new SteppingError('DATABASE_CHANGED', `${identity} is another database.`)
    }
    if (this.nowMs >= notAfter) throw new SteppingError('BARRIER_EXPIRED', `${gid} came too late.`)
    if ([...this.open].some((tx) => tx.rows.barrier.has(gid))) {
      throw new SteppingError('BARRIER_UNDECIDED', `The transaction of ${gid} is open.`)
    }
    const row = this.barrier.get(gid) ?? { reason: 'rollback', createdAtMs: this.nowMs }
    this.barrier.set(gid, row)
    return row.reason === 'msg' ? 'committed' : 'rolledBack'
  }

  async takeOnce(
    tx: ServerTransaction,
    key: OnceKey,
  ): Promise<{ readonly value: string | null } | undefined> {
    const id = onceId(key)
    const isHeld = (other: ServerTransaction): boolean => other.rows.once.has(id)
    return await this.whenFree(tx, isHeld, () => {
      if (this.nowMs >= key.notAfter)
        throw new SteppingError('ONCE_EXPIRED', `${id} came too late.`)
      const stored = this.once.get(id)
      if (stored) return { value: stored.value }
      tx.rows.once.set(id, { owner: key.owner, value: null })
      return undefined
    })
  }

  storeOnce(tx: ServerTransaction, key: OnceKey, value: string): void {
    const taken = tx.rows.once.get(onceId(key))
    if (taken) taken.value = value
  }

  /** What a cleaner looks at: `once` rows of its app, and barrier rows that are old. */
  listRows(owner: string): {
    readonly once: readonly string[]
    readonly barrier: readonly string[]
  } {
    const before = this.nowMs - barrierRetentionMs
    return {
      once: [...this.once].filter(([, row]) => row.owner === owner).map(([id]) => id),
      barrier: [...this.barrier].filter(([, row]) => row.createdAtMs < before).map(([gid]) => gid),
    }
  }

  /** A commit goes only when its job is known to be over, a `once` row some time after it was seen to be. */
  deleteRows(owner: string, known: PruneKnowledge): number {
    const before = this.barrier.size + this.once.size
    for (const [gid, { reason, createdAtMs }] of this.barrier) {
      const isOld = createdAtMs < this.nowMs - barrierRetentionMs
      if (isOld && (reason !== 'msg' || known.over.has(gid))) this.barrier.delete(gid)
    }
    for (const [id, row] of this.once) {
      if (row.owner === owner && known.onceOver.has(id)) row.overAtMs ??= this.nowMs
      if (row.overAtMs !== null && row.overAtMs < this.nowMs - onceRetentionMs) this.once.delete(id)
    }
    return before - this.barrier.size - this.once.size
  }

  protected write({ rows: { barrier, once } }: ServerTransaction): void {
    for (const [gid, reason] of barrier) this.barrier.set(gid, { reason, createdAtMs: this.nowMs })
    for (const [id, row] of once) this.once.set(id, { ...row, overAtMs: null })
  }

  /**
   * Waits for every other transaction that holds the same key, as an insert into a unique index
   * does, and goes on before anybody else can.
   */
  protected async whenFree<R>(
    tx: ServerTransaction | undefined,
    holds: (other: ServerTransaction) => boolean,
    goOn: () => R,
  ): Promise<R> {
    const untilMs = this.scheduler.nowMs + lockTimeoutMs
    for (;;) {
      if (tx) this.assertOpen(tx)
      const other = [...this.open].find((each) => each !== tx && holds(each))
      if (!other) return goOn()
      const timeout = Promise.withResolvers<void>()
      this.scheduler.after(untilMs - this.scheduler.nowMs, timeout.resolve)
      await Promise.race([other.over, timeout.promise])
      if (this.scheduler.nowMs < untilMs) continue
      if (tx) tx.state = 'failed'
      throw new DatabaseError('canceling statement due to lock timeout')
    }
  }

  assertOpen(tx: ServerTransaction): void {
    if (tx.state === 'open') return
    throw tx.state === 'failed'
      ? new DatabaseError('current transaction is aborted')
      : new SteppingError('TRANSACTION_LOST', 'The transaction is over.')
  }

  #end(tx: ServerTransaction, state: 'committed' | 'rolledBack'): void {
    this.open.delete(tx)
    tx.end(state, this.scheduler.nowMs)
  }
}

function onceId({ gid, index, key }: OnceKey): string {
  return `${gid}/${index}/${key}`
}

/** What a driver throws: no error of this project. */
export class DatabaseError extends Error {}
