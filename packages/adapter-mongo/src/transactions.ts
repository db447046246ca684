import { isSteppingError, SteppingError } from '@stepping/core'
import type { ClientSession, MongoClient, TransactionOptions } from 'mongodb'
import { errorCode, hasLabel } from './errors.ts'
import { transactionOf } from './open-transaction.ts'
import type { DriverTransaction } from './open-transaction.ts'

/** Unless the user says otherwise: what is read and written is there after a failover too. */
const defaults: TransactionOptions = {
  readConcern: { level: 'snapshot' },
  writeConcern: { w: 'majority', journal: true },
  readPreference: 'primary',
}

/**
 * How often the callback is run again because the server did not know the transaction any more.
 * That is an election, or a statement that failed and whose error was swallowed: the driver cannot
 * tell, and would run the callback again for two minutes.
 */
const mostUndone = 10

/** How long `commit` tries to learn whether it committed. */
const commitMs = 10_000

/** One run of the callback. */
interface Run {
  readonly transaction: DriverTransaction
  phase: 'working' | 'committing'
  /** How the callback left the transaction. */
  left?: DriverTransaction['state']
  thrown?: { readonly error: unknown }
}

/** Opens and commits transactions of one client, and knows which of them a majority confirmed. */
export class Transactions {
  readonly #client: MongoClient
  readonly #own = new WeakSet<ClientSession>()
  readonly #proved = new WeakSet<DriverTransaction>()

  constructor(client: MongoClient) {
    this.#client = client
  }

  /**
   * `withTransaction`, which may run `work` again; resolves only when the server confirmed the
   * commit, and rejects with what `work` threw, unchanged.
   */
  async run<R>(
    work: (session: ClientSession) => Promise<R>,
    options: TransactionOptions | undefined,
  ): Promise<R> {
    const session = this.#client.startSession()
    this.#own.add(session)
    let run: Run | undefined
    let undone = 0
    let value: R
    try {
      await session.withTransaction(
        async () => {
          undone = wasUndone(run) ? undone + 1 : 0
          const transaction = transactionOf(session)
          run = { transaction, phase: 'working' }
          try {
            if (undone > mostUndone) throw givenUp()
            value = await work(session)
          } catch (error) {
            run.thrown = { error }
            throw error
          }
          run.left = transactionOf(session) === transaction ? transaction.state : 'NO_TRANSACTION'
          run.phase = 'committing'
        },
        { ...defaults, ...options },
      )
      assertLeftOpen(run!)
      this.#committed(session, run!.transaction)
      return value!
    } catch (error) {
      if (run?.thrown) throw run.thrown.error
      throw run?.phase === 'committing' ? afterCommitWasSent(run.transaction, error) : error
    } finally {
      await session.endSession()
    }
  }

  /** Commits the user's open transaction, and asks again while the answer is unknown. */
  async commit(session: ClientSession): Promise<void> {
    const transaction = transactionOf(session)
    const until = performance.now() + commitMs
    for (let waitMs = 50; ; waitMs *= 2) {
      try {
        await session.commitTransaction()
        return this.#committed(session, transaction)
      } catch (error) {
        if (hasLabel(error, 'TransientTransactionError')) throw givenUp(error)
        // Repeated, a commit is answered as the first time.
        if (!hasLabel(error, 'UnknownTransactionCommitResult') || performance.now() > until) {
          throw afterCommitWasSent(transaction, error)
        }
        await new Promise((resolve) => setTimeout(resolve, waitMs))
      }
    }
  }

  /** Whether `run` opened the session's transaction, and so commits it. */
  isOwn(session: ClientSession): boolean {
    return this.#own.has(session)
  }

  isProved(transaction: DriverTransaction): boolean {
    return this.#proved.has(transaction)
  }

  /** A commit that only one server confirmed may be undone by an election. */
  #committed(session: ClientSession, transaction: DriverTransaction): void {
    // What is sent without being awaited can end this transaction and begin another one, which is
    // then the one that was committed.
    if (transactionOf(session) !== transaction) {
      throw outcomeUnknown(
        'Another transaction was begun in this session while this one committed: whether it did is not known here. Await each statement, and use a session for one transaction at a time.',
      )
    }
    const { w } = transaction.options.writeConcern ?? this.#client.options.writeConcern ?? {}
    if (w === 'majority') this.#proved.add(transaction)
  }
}

/** The commit, or a statement whose error ended the callback, found that there is no such transaction. */
function wasUndone(run: Run | undefined): boolean {
  return run !== undefined && (run.thrown ? errorCode(run.thrown.error) === 251 : true)
}

/** The driver resolves as well when the callback itself ended the transaction. */
function assertLeftOpen({ left }: Run): void {
  if (left === 'STARTING_TRANSACTION' || left === 'TRANSACTION_IN_PROGRESS') return
  if (left === 'TRANSACTION_ABORTED') {
    throw rolledBack('The callback aborted its transaction. Nothing was stored.')
  }
  throw outcomeUnknown(
    'The callback ended its transaction by itself: whether that committed is not known here. Leave the commit to transaction().',
  )
}

/**
 * A roll-back is only what the server says is one, and what the driver refused to send. That the
 * transaction was aborted meanwhile is no proof: the commit may have come first.
 */
function afterCommitWasSent(transaction: DriverTransaction, error: unknown): unknown {
  if (isSteppingError(error) || hasLabel(error, 'TransientTransactionError')) return error
  const isSent = (error as { name?: unknown }).name !== 'MongoTransactionError'
  if (!isSent && transaction.state === 'TRANSACTION_ABORTED') {
    return rolledBack('The transaction was aborted before it could commit. Nothing was stored.', {
      cause: error,
    })
  }
  return outcomeUnknown(
    'The connection was lost, or no majority answered, while the transaction committed: it may or may not have. Its steps are done if it did.',
    { cause: error },
  )
}

function givenUp(cause?: unknown): SteppingError {
  return rolledBack(
    'The server gave this transaction up: a statement in it failed and its error was swallowed or not awaited, or another server became the primary. Nothing was stored.',
    cause === undefined ? {} : { cause },
  )
}

function rolledBack(message: string, options: { cause?: unknown } = {}): SteppingError {
  return new SteppingError('TRANSACTION_ROLLED_BACK', message, options)
}

function outcomeUnknown(message: string, options: { cause?: unknown } = {}): SteppingError {
  return new SteppingError('TRANSACTION_OUTCOME_UNKNOWN', message, options)
}
