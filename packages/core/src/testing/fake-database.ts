import type {
  Barrier,
  BarrierKey,
  CommittableContext,
  Database,
  DatabaseLimits,
  DatabaseRef,
  DbContext,
  OnceKey,
  OnceRows,
} from '../db-context.ts'
import { SteppingError } from '../errors.ts'
import { describeRef } from '../nesting.ts'
import { FakeTransaction } from './fake-transaction.ts'
import { Faults } from './faults.ts'

/** What becomes of the next COMMIT, and what the caller learns of it. */
export type CommitEnding =
  | 'proven'
  | 'unproven'
  | 'rolled back unnoticed'
  | 'refused'
  | 'reply lost'
  | 'reply lost and rolled back'

export interface FakeTransactionOptions {
  readonly isolation: 'serializable'
}

interface FakeDatabaseOptions extends DatabaseRef {
  readonly limits?: DatabaseLimits
}

type Point = 'identity' | 'migrate' | 'assertUsable' | 'barrier' | 'resolve'

/** A database in memory, with real transactions and barrier rows that decide as the real ones do. */
export class FakeDatabase implements Database<FakeTransaction, DbContext, FakeTransactionOptions> {
  readonly ref: DatabaseRef
  readonly dialect = 'sqlite'
  readonly limits: DatabaseLimits
  readonly barrier: Barrier
  readonly once: OnceRows
  /** The committed business rows. */
  readonly rows: string[] = []
  readonly barrierRows = new Map<string, 'msg' | 'rollback' | 'empty'>()
  readonly onceRows = new Map<string, string | null>()
  /** The library's own options that each transaction was opened with. */
  readonly openedWith: (FakeTransactionOptions | undefined)[] = []
  /** What happens, in order: the array may be shared with a transaction manager. */
  readonly log: string[]
  readonly faults = new Faults<Point>()
  nextCommit: CommitEnding = 'proven'
  /** So many times the library rolls back a transaction whose callback ended well, and begins again. */
  runsAgain = 0
  readonly #open = new Set<FakeTransaction>()

  constructor({ limits = {}, ...ref }: FakeDatabaseOptions, log: string[] = []) {
    this.ref = ref
    this.limits = limits
    this.log = log
    this.barrier = {
      insert: async (context, key, reason) => await this.#insertBarrier(context, key, reason),
      resolve: async (key) => await this.#resolve(key),
    }
    this.once = {
      take: async (context, key) => await this.#takeOnce(context, key),
      store: async (context, key, value) => {
        transactionOf(context).onceRows.set(onceId(key), value)
      },
      replace: async (context, key, was, value) => {
        const { onceRows } = transactionOf(context)
        const id = onceId(key)
        if ((onceRows.get(id) ?? this.onceRows.get(id)) !== was) return false
        onceRows.set(id, value)
        return true
      },
    }
  }

  async identity(): Promise<string> {
    await this.faults.reach('identity')
    return `identity of ${describeRef(this.ref)}`
  }

  async migrate(): Promise<void> {
    this.log.push(`migrate ${describeRef(this.ref)}`)
    await this.faults.reach('migrate')
  }

  async prune(): Promise<number> {
    return 0
  }

  async transaction<R>(
    work: (tx: FakeTransaction) => Promise<R>,
    options?: FakeTransactionOptions,
  ): Promise<R> {
    this.openedWith.push(options)
    for (;;) {
      const tx = this.begin()
      let value
      try {
        value = await work(tx)
      } catch (error) {
        if (tx.state === 'open') this.rollBack(tx)
        throw error
      }
      if (this.runsAgain === 0) {
        await this.commit(tx)
        return value
      }
      this.runsAgain--
      this.rollBack(tx)
    }
  }

  context(tx: FakeTransaction): DbContext {
    if (!this.#open.has(tx)) {
      throw new SteppingError(
        'TRANSACTION_UNUSABLE',
        `This is no open transaction of the database ${this.ref.name}.`,
      )
    }
    return new FakeContext(this, tx)
  }

  begin(): FakeTransaction {
    this.log.push('begin')
    const tx = new FakeTransaction()
    this.#open.add(tx)
    return tx
  }

  rollBack(tx: FakeTransaction): void {
    this.log.push('rollback')
    this.#end(tx, 'rolledBack')
  }

  async commit(tx: FakeTransaction): Promise<void> {
    this.log.push('commit')
    const ending = this.nextCommit
    this.nextCommit = 'proven'
    const committed = ['proven', 'unproven', 'reply lost'].includes(ending)
    tx.proved = ending === 'proven'
    this.#end(tx, committed ? 'committed' : 'rolledBack')
    if (ending === 'refused') throw new Error('could not serialize access')
    if (ending.startsWith('reply lost')) {
      throw new SteppingError('TRANSACTION_OUTCOME_UNKNOWN', 'The answer to COMMIT was lost.')
    }
  }

  #end(tx: FakeTransaction, state: 'committed' | 'rolledBack'): void {
    tx.assertOpen()
    this.#open.delete(tx)
    if (state === 'committed') {
      this.rows.push(...tx.rows)
      for (const [gid, reason] of tx.barrierRows) this.barrierRows.set(gid, reason)
      for (const [id, value] of tx.onceRows) this.onceRows.set(id, value)
    }
    tx.end(state)
  }

  async #insertBarrier(
    context: DbContext,
    { gid, notAfter }: BarrierKey,
    as: 'msg' | 'empty' = 'msg',
  ): Promise<void> {
    const tx = transactionOf(context)
    this.log.push('barrier')
    await this.faults.reach('barrier')
    await this.#heldByNoOther(tx, (other) => other.barrierRows.has(gid))
    if (Date.now() >= notAfter) throw new SteppingError('BARRIER_EXPIRED', `${gid} came too late.`)
    const reason = tx.barrierRows.get(gid) ?? this.barrierRows.get(gid)
    if (reason === 'rollback') throw new SteppingError('BARRIER_DECIDED', `${gid} rolled back.`)
    if (reason) throw new SteppingError('JOB_DUPLICATE', `${gid} is committed.`)
    tx.barrierRows.set(gid, as)
  }

  async #resolve(key: BarrierKey): Promise<'committed' | 'rolledBack'> {
    const { gid, identity, notAfter } = key
    this.log.push('resolve')
    await this.faults.reach('resolve')
    if (identity !== (await this.identity())) {
      throw new SteppingError('DATABASE_CHANGED', `${identity} is another database.`)
    }
    if (Date.now() >= notAfter) throw new SteppingError('BARRIER_EXPIRED', `${gid} came too late.`)
    if ([...this.#open].some((tx) => tx.barrierRows.has(gid))) {
      throw new SteppingError('BARRIER_UNDECIDED', `The transaction of ${gid} is open.`)
    }
    if (!this.barrierRows.has(gid)) this.barrierRows.set(gid, 'rollback')
    return this.barrierRows.get(gid) === 'msg' ? 'committed' : 'rolledBack'
  }

  async #takeOnce(
    context: DbContext,
    key: OnceKey,
  ): Promise<{ readonly value: string | null } | undefined> {
    const tx = transactionOf(context)
    const id = onceId(key)
    await this.#heldByNoOther(tx, (other) => other.onceRows.has(id))
    if (Date.now() >= key.notAfter) throw new SteppingError('ONCE_EXPIRED', `${id} came too late.`)
    const stored = this.onceRows.get(id)
    if (stored !== undefined) return { value: stored }
    tx.onceRows.set(id, null)
    return undefined
  }

  /** A unique key that another open transaction wrote makes the insert wait for that one's end. */
  async #heldByNoOther(
    tx: FakeTransaction,
    holds: (other: FakeTransaction) => boolean,
  ): Promise<void> {
    for (;;) {
      const other = [...this.#open].find((each) => each !== tx && holds(each))
      if (!other) return
      await other.over
    }
  }
}

/** A database whose library has begin and commit, so that a job can commit. */
export class CommittableFakeDatabase extends FakeDatabase {
  override context(tx: FakeTransaction): CommittableContext {
    const context = super.context(tx) as FakeContext
    return Object.assign(context, { commit: async () => await this.commit(tx) })
  }
}

class FakeContext implements DbContext {
  readonly database: FakeDatabase
  readonly tx: FakeTransaction

  constructor(database: FakeDatabase, tx: FakeTransaction) {
    this.database = database
    this.tx = tx
  }

  async assertUsable(): Promise<void> {
    await this.database.faults.reach('assertUsable')
    if (this.tx.state === 'open') return
    throw new SteppingError('TRANSACTION_UNUSABLE', `The transaction is ${this.tx.state}.`)
  }

  provedCommit(): boolean {
    return this.tx.proved
  }
}

function transactionOf(context: DbContext): FakeTransaction {
  const { tx } = context as FakeContext
  if (tx.state === 'open') return tx
  throw new SteppingError('TRANSACTION_LOST', `The transaction is ${tx.state}.`)
}

function onceId({ gid, index, key, owner }: OnceKey): string {
  return JSON.stringify([gid, index, key, owner])
}
