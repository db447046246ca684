import { SteppingError } from '@stepping/core'
import type { ClientSession, Db, MongoClient } from 'mongodb'
import { clientOf } from './address.ts'
import { send } from './command.ts'
import type { Command, Execute } from './command.ts'

/** The driver makes a new one for each transaction of a session. Its types keep it internal. */
export interface DriverTransaction {
  readonly state:
    | 'NO_TRANSACTION'
    | 'STARTING_TRANSACTION'
    | 'TRANSACTION_IN_PROGRESS'
    | 'TRANSACTION_COMMITTED'
    | 'TRANSACTION_COMMITTED_EMPTY'
    | 'TRANSACTION_ABORTED'
  readonly options: { readonly writeConcern?: { readonly w?: unknown } }
}

interface SessionInternals {
  readonly client: MongoClient
  readonly transaction: DriverTransaction
}

/** One transaction of a session: the session may have others before and after it. */
export interface OpenTransaction {
  readonly transaction: DriverTransaction
  /** @throws SteppingError `TRANSACTION_UNUSABLE` when it is not the session's open transaction. */
  readonly assertOpen: () => void
  /**
   * Sends a command that takes effect in this transaction or not at all.
   *
   * @throws SteppingError `TRANSACTION_LOST`
   */
  readonly execute: Execute
}

export function transactionOf(session: ClientSession): DriverTransaction {
  return (session as unknown as SessionInternals).transaction
}

/** @throws SteppingError `TRANSACTION_UNUSABLE` */
export function openTransaction(db: Db, session: ClientSession): OpenTransaction {
  assertSessionOf(db, session)
  const transaction = transactionOf(session)
  let wasOpen = false
  function whyClosed(): string | undefined {
    if (session.hasEnded) return 'its session has ended'
    if (!session.inTransaction()) {
      return wasOpen
        ? 'it is over, and no transaction is open in its session'
        : 'no transaction is open in this session: call session.startTransaction() first'
    }
    if (transactionOf(session) === transaction) return undefined
    return 'it is over, and another one is open in its session'
  }
  function assertOpen(code: 'TRANSACTION_UNUSABLE' | 'TRANSACTION_LOST'): void {
    const why = whyClosed()
    if (why !== undefined) {
      throw new SteppingError(code, `This transaction cannot be used: ${why}.`)
    }
  }
  const assertNotLost = (): void => assertOpen('TRANSACTION_LOST')
  assertOpen('TRANSACTION_UNUSABLE')
  wasOpen = true
  return {
    transaction,
    assertOpen: () => assertOpen('TRANSACTION_UNUSABLE'),
    async execute(command) {
      assertNotLost()
      return await send(db, guarded(command, assertNotLost), session)
    },
  }
}

/**
 * Between the call and the sending the driver waits for a server and a connection, and meanwhile
 * the transaction may end. Sent then, a command commits by itself; or it lands in the session's
 * next transaction, for example the one in which `withTransaction` runs its callback again.
 *
 * The driver copies a command, and so reads this getter, in the very turn in which it adds the
 * number of the session's transaction and sends it. And if some driver should read it earlier: the
 * server refuses `autocommit` in whatever has no number of a transaction.
 */
function guarded(command: Command, assertNotLost: () => void): Command {
  return {
    ...command,
    get autocommit() {
      assertNotLost()
      return false
    },
  }
}

function assertSessionOf(db: Db, session: ClientSession): void {
  const { client, transaction } = (session ?? {}) as unknown as Partial<SessionInternals>
  if (typeof session?.inTransaction !== 'function' || transaction === undefined) {
    throw unusable('it is not a session of the driver: pass the ClientSession')
  }
  if (client !== clientOf(db)) {
    throw unusable('its session belongs to another MongoClient than the database')
  }
}

function unusable(why: string): SteppingError {
  return new SteppingError('TRANSACTION_UNUSABLE', `This transaction cannot be used: ${why}.`)
}
