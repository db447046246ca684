import type { CommittableContext, DatabaseLimits } from '@stepping/core'
import type { SqlDialect } from './dialect.ts'
import type { Execute, ExecuteLast, SqlResult, Statement } from './statement.ts'

/** What an adapter knows of one open transaction. */
export interface BoundTransaction {
  readonly execute: Execute
  /** This adapter's own `transaction` opened it; otherwise somebody else may end it at any moment. */
  readonly opened: boolean
  /** Of one that this adapter opened, in which the driver hides that a statement of the user's ended it: a name of its own. */
  readonly token?: string
  /** As `SqlContext.open`, where the adapter knows more than the dialect. */
  readonly open?: Statement
  /** Where the adapter can send a statement together with COMMIT. Absent: it is executed at once. */
  readonly executeLast?: ExecuteLast
  /** As `DbContext.assertUsable`. */
  assertUsable(): Promise<void>
  /** As `DbContext.provedCommit`. */
  provedCommit?(): boolean
}

/** One that is committed through the context: drivers with begin and commit. */
export type CommittableTransaction = BoundTransaction & Pick<CommittableContext, 'commit'>

/** What an adapter says about its library. Everything else is the same for all of them. */
export interface SqlDriver<Tx, O, B extends BoundTransaction = BoundTransaction> {
  readonly dialect: SqlDialect
  /** Where it connects to, without the password: for messages. */
  readonly address: string
  readonly limits: DatabaseLimits
  /** The library's options for this library's own transactions: READ COMMITTED, where there are levels. */
  readonly readCommitted: O
  /** One statement on a connection of its own, committed when it resolves. */
  run(statement: Statement, options?: RunOptions): Promise<SqlResult>
  /** Statements in one transaction of their own, in one go. Absent: one after another in `transaction`. */
  batch?(statements: readonly Statement[]): Promise<readonly SqlResult[]>
  /** As `Database.transaction`. */
  transaction<R>(work: (tx: Tx) => Promise<R>, options?: O): Promise<R>
  /** Binds to an open transaction of this database, or throws `TRANSACTION_UNUSABLE`. */
  bind(tx: Tx): B
  /** As `AnySqlDatabase.place`, where the dialect's `readPlace` cannot be asked or says too little. */
  place?(): Promise<string | undefined>
  /** Whether the app has ended what statements are sent through, where that shows: nothing will answer again. */
  isEnded?(): boolean
  /** Calls back for each notification until closed; `onLost` when the connection is gone. */
  listen?(channel: string, onNotify: () => void, onLost: () => void): Promise<() => Promise<void>>
}

export interface RunOptions {
  /** How long to wait for a lock, where the driver waits and not the server. */
  readonly waitMs?: number
}
