/** By what a stored job names one of the app's databases: never by a URL or a hash of one. */
export interface DatabaseRef {
  readonly name: string
  readonly tenant?: string
}

/** A ref plus the identity that the database's own migration wrote into it. */
export interface DatabaseIdentity extends DatabaseRef {
  readonly identity: string
}

/** Which decision is meant, and until when it may be taken. */
export interface BarrierKey {
  readonly gid: string
  /** Epoch milliseconds. The database refuses the statement when its own clock is past it. */
  readonly notAfter: number
  /** The identity the job was stored with; another database refuses to answer. */
  readonly identity: string
}

/**
 * The row that decides whether a transaction committed: the unique key (gid, branch, op, barrier)
 * of DTM's clients, written by the transaction itself or, first come, by whoever asks.
 */
export interface Barrier {
  /**
   * Writes the commit row through the context's transaction, after its `assertUsable`. When it
   * resolves, the row is durable exactly if that transaction commits.
   *
   * With the reason `empty` it uses the gid up without a job: a later insert is `JOB_DUPLICATE`,
   * and `resolve` answers rolled back for what a transaction before this one prepared.
   *
   * @throws SteppingError `BARRIER_DECIDED` when the gid was decided as rolled back,
   * `JOB_DUPLICATE` when another transaction committed it, `BARRIER_EXPIRED` past `notAfter`,
   * `TRANSACTION_LOST` when no transaction is open. The transaction must then not commit.
   *
   * `last`: nothing follows but the COMMIT, by this library. So it may be sent along with that, and what it would throw
   * rejects the transaction instead.
   */
  insert(
    context: DbContext,
    key: BarrierKey,
    reason?: 'msg' | 'empty',
    last?: boolean,
  ): Promise<void>
  /**
   * Decides on a connection of its own and answers durably: all later answers agree. Repeating it
   * is harmless.
   *
   * @throws SteppingError `BARRIER_UNDECIDED` while the transaction is open (it never waits for it
   * longer than a moment), `BARRIER_EXPIRED`, `DATABASE_CHANGED` when the identity differs. After
   * any rejection the question is open: ask again.
   */
  resolve(key: BarrierKey): Promise<'committed' | 'rolledBack'>
}

/** Which use of `once` is meant. */
export interface OnceKey {
  readonly gid: string
  readonly index: number
  readonly key: string
  /** The app and the store of its jobs, and the caller: another one may have a job with this gid, and only this one knows when the row may go. */
  readonly owner: string
  /** Epoch milliseconds: the end of the attempt's window, checked by the database. */
  readonly notAfter: number
}

/** The rows behind a step's `once`, written in the transaction that they guard, and those of a ledger of steps. */
export interface OnceRows {
  /**
   * Takes the key inside the context's transaction, waiting for another transaction that holds it.
   * Resolves with undefined when the key was free, else with what was stored under it.
   *
   * @throws SteppingError `ONCE_EXPIRED` past `notAfter`, `TRANSACTION_LOST`.
   */
  take(context: DbContext, key: OnceKey): Promise<{ readonly value: string | null } | undefined>
  /** Stores the value of a key that this transaction took. */
  store(context: DbContext, key: OnceKey, value: string): Promise<void>
  /**
   * Stores a value in place of the one that was read, unless that has become another one meanwhile;
   * resolves with whether it did.
   */
  replace(context: DbContext, key: OnceKey, was: string, value: string): Promise<boolean>
}

/**
 * What a database cannot do, each with the reason. Absent means it can.
 */
export interface DatabaseLimits {
  /** Two transactions at once. Asking anything beside an open transaction waits for its end. */
  readonly parallelTransactions?: string
  /** Telling that a transaction handle is finished. Such handles are safe only inside the library's own callback. */
  readonly finishedHandles?: string
  /** Tying a job to a transaction that the app opens itself. The library's own `transaction` can. */
  readonly ownTransactions?: string
}

/**
 * The tables may be shared with other apps, whose jobs this app's transaction manager does not
 * know: not to know a job never makes its row old.
 */
export interface PruneOptions {
  /** Whose `once` rows are meant; see `OnceKey.owner`. */
  readonly owners: readonly string[]
  /** Of these gids, those whose job is known to be over. */
  over(gids: readonly string[]): Promise<ReadonlySet<string>>
  /** Of these gids, those whose job is known and not over. */
  active(gids: readonly string[]): Promise<ReadonlySet<string>>
}

/** One of the app's databases as the registry needs it, without the library's types. */
export interface AnyDatabase {
  readonly ref: DatabaseRef
  readonly dialect: 'postgres' | 'mysql' | 'sqlite' | 'mongodb'
  readonly limits: DatabaseLimits
  readonly barrier: Barrier
  readonly once: OnceRows
  /**
   * The identity that `migrate` wrote; read once, then remembered. Through `context` where given,
   * so that a single-connection database can be asked during its own transaction.
   *
   * @throws SteppingError `SCHEMA_MISSING`, `SCHEMA_OLDER`, `SCHEMA_NEWER`, `CLOCK_SKEW`,
   * `DATABASE_UNREACHABLE`.
   */
  identity(context?: DbContext): Promise<string>
  /** Creates or upgrades this library's tables, under a lock. Repeating it changes nothing. */
  migrate(): Promise<void>
  /** Deletes decided rows past their safe age, in small batches; resolves with how many. */
  prune(options: PruneOptions): Promise<number>
}

/**
 * One of the user's databases, through one library. `Tx` is that library's own transaction type,
 * `O` its own transaction options.
 */
export interface Database<Tx, C extends DbContext = DbContext, O = unknown> extends AnyDatabase {
  /**
   * Runs `work` in a transaction and resolves only when the server confirmed the COMMIT. The
   * library may run `work` again.
   *
   * @throws what `work` threw, unchanged; SteppingError `TRANSACTION_ROLLED_BACK` when the server
   * rolled back a transaction that the library called committed; `TRANSACTION_OUTCOME_UNKNOWN`
   * when the answer to COMMIT was lost. Any other rejection also leaves the outcome to
   * `barrier.resolve`.
   */
  transaction<R>(work: (tx: Tx) => Promise<R>, options?: O): Promise<R>
  /**
   * Wraps a transaction of this database that is open now.
   *
   * @throws SteppingError `TRANSACTION_UNUSABLE` for a pool, another database's handle or a
   * finished one.
   */
  context(tx: Tx): C
}

/** An open transaction of one of the app's databases. */
export interface DbContext {
  readonly database: AnyDatabase
  /**
   * Resolves when the transaction is really open, as far as the driver can tell.
   *
   * @throws SteppingError `TRANSACTION_UNUSABLE` or `TRANSACTION_LOST`.
   */
  assertUsable(): Promise<void>
  /**
   * True once the server confirmed a COMMIT that came directly after this library's last statement
   * in the transaction. False or absent: it may have committed, a reader has to look.
   */
  provedCommit?(): boolean
}

/** A transaction that can be committed through the context: drivers with begin and commit. */
export interface CommittableContext extends DbContext {
  /**
   * Resolves when the server confirmed the COMMIT.
   *
   * @throws SteppingError `TRANSACTION_ROLLED_BACK`, `TRANSACTION_OUTCOME_UNKNOWN`.
   */
  commit(): Promise<void>
}
