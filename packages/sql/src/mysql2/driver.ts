import { printKind, SteppingError } from '@stepping/core'
import type { DatabaseLimits } from '@stepping/core'
import type { CommittableTransaction } from '../sql-driver.ts'
import type { SqlResult, Statement } from '../statement.ts'
import { transactionUnusable } from '../transaction-errors.ts'
import { describeAddress } from './address.ts'
import { coreOf, corePoolOf, sender } from './client.ts'
import type { CorePool, Mysql2Connection, Mysql2Pool, PooledConnection } from './client.ts'
import { commitsAlone, giveBack, runAlone } from './run.ts'
import { send } from './send.ts'
import { commit, guardTransaction, ownTransaction } from './transaction.ts'
import type { TransactionGuard } from './transaction.ts'

/** What adapters over a pool of mysql2 have in common. */
export interface Mysql2Driver<C extends PooledConnection> {
  readonly address: string
  readonly limits: DatabaseLimits
  run(statement: Statement): Promise<SqlResult>
  /**
   * A transaction on a connection of its own. `around` begins it in the library's own way, does its
   * work by `finish`, which commits, and may end with a COMMIT or ROLLBACK of the library's, which
   * find nothing to do.
   */
  transaction<R>(
    isOwn: boolean,
    around: (connection: C, finish: (work: () => Promise<R>) => Promise<R>) => Promise<R>,
  ): Promise<R>
  /** As `SqlDriver.bind`. */
  bind(connection: C): CommittableTransaction
}

/** A transaction that is open on a connection, as far as it shows. */
interface Transaction {
  readonly connection: Mysql2Connection
  readonly guard: TransactionGuard
  /** Its end is about to be sent: what came later would commit by itself. */
  ending: boolean
  /** Whose statement was this library's last one. */
  last: object | undefined
  /** A COMMIT came directly after that statement. */
  proved: boolean
}

function transactionOn(connection: Mysql2Connection, guard: TransactionGuard): Transaction {
  return { connection, guard, ending: false, last: undefined, proved: false }
}

/** @throws SteppingError `DATABASE_INVALID` for what is no pool of mysql2, in the words of the adapter `name`. */
export function mysql2Driver<C extends PooledConnection>(
  name: string,
  given: object,
): Mysql2Driver<C> {
  const { pool, core } = promisesOf<C>(name, given)
  // By what the pool handed out, which is another object each time.
  const opened = new WeakMap<C, Transaction>()
  let isMariadb: boolean | undefined
  const senders = { getConnection: async () => sender(await pool.getConnection()) }

  /**
   * Whether the inserts of this library look by themselves whether the transaction is open. Without
   * autocommit they begin one where there is none, and find that open.
   */
  async function looksItself(connection: Mysql2Connection): Promise<boolean> {
    isMariadb ??= Number((await send(connection, askMariadb)).rows[0]?.['product']) === 2
    return isMariadb && (await commitsAlone(connection))
  }

  return {
    address: describeAddress(core),
    limits: {
      finishedHandles:
        'mysql2 does not show the state of a connection: one that is first shown after the end of its transaction looks open while another transaction uses it',
    },
    run: (statement) => runAlone(senders, statement),
    async transaction<R>(
      isOwn: boolean,
      around: (connection: C, finish: (work: () => Promise<R>) => Promise<R>) => Promise<R>,
    ): Promise<R> {
      const pooled = await pool.getConnection()
      const connection = sender(pooled)
      const guard = isOwn ? ownTransaction(connection) : guardTransaction(connection)
      const transaction = transactionOn(connection, guard)
      opened.set(pooled, transaction)
      let outcome: { readonly value: R } | { readonly error: unknown } | undefined
      const finish = async (work: () => Promise<R>): Promise<R> => {
        try {
          if (!isOwn && !(await commitsAlone(connection))) await guard.mark()
          const value = await work()
          await commitOn(transaction)
          outcome = { value }
          return value
        } catch (error) {
          transaction.ending = true
          outcome = { error }
          throw error
        }
      }
      // What comes after `finish` changes nothing, also where it fails.
      const error: unknown = await around(pooled, finish).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      transaction.ending = true
      // The library may have given up before its own ROLLBACK.
      giveBack(connection, error === undefined || (await rolledBack(connection)))
      if (outcome && 'value' in outcome) return outcome.value
      throw outcome ? outcome.error : error
    },
    bind(pooled) {
      assertConnectionOf(core, pooled)
      const ours = opened.get(pooled)
      // What somebody else opened has no name: on one connection, each context may be of another one.
      const transaction = ours ?? foreignTransaction(sender(pooled))
      const { connection, guard } = transaction
      const self = {}
      const assertOpen = (): void => {
        assertConnectionOf(core, pooled)
        if (transaction.ending) throw transactionUnusable('it is over')
      }
      assertOpen()
      return {
        opened: ours !== undefined,
        async execute(statement) {
          assertOpen()
          transaction.last = self
          return await guard.execute(statement)
        },
        async assertUsable() {
          assertOpen()
          if (ours && !(await looksItself(connection))) await guard.assertOpen()
        },
        provedCommit: () => transaction.proved && transaction.last === self,
        async commit() {
          assertOpen()
          await commitOn(transaction)
        },
      }
    },
  }
}

const notBegun =
  'Or none was begun: await connection.beginTransaction() before context(connection); what was written without it has been committed statement by statement. '

/** Only MariaDB reads what stands in this kind of comment. */
const askMariadb = 'select 1 /*M! + 1 */ as product'

function foreignTransaction(connection: Mysql2Connection): Transaction {
  return transactionOn(connection, guardTransaction(connection, notBegun))
}

async function commitOn(transaction: Transaction): Promise<void> {
  transaction.ending = true
  transaction.proved = await commit(transaction.connection, transaction.guard)
}

async function rolledBack(connection: Mysql2Connection): Promise<boolean> {
  return await send(connection, 'rollback').then(
    () => true,
    () => false,
  )
}

function promisesOf<C extends PooledConnection>(
  name: string,
  given: object,
): { pool: Mysql2Pool<C>; core: CorePool } {
  // A pool with callbacks makes the one with promises.
  const { promise } = (given ?? {}) as { promise?: unknown }
  const pool = (typeof promise === 'function' ? promise.call(given) : given) as Mysql2Pool<C>
  const core = corePoolOf(pool)
  if (typeof pool?.getConnection === 'function' && core) return { pool, core }
  // Transactions of one connection that run at once are one transaction to the server: a row that
  // was rolled back in one can be committed by the other.
  throw new SteppingError(
    'DATABASE_INVALID',
    `${name} takes a Pool of mysql2, and got ${printKind(given)}: over a single connection, transactions that run at once would run into each other. Use createPool(...).`,
  )
}

function assertConnectionOf(pool: CorePool, connection: PooledConnection): void {
  const given = connection as Partial<PooledConnection & Mysql2Pool> | undefined
  if (typeof given?.getConnection === 'function') {
    throw transactionUnusable('a Pool has none: pass the connection that pool.getConnection() gave')
  }
  if (!given?.connection || !('_pool' in given.connection)) {
    throw transactionUnusable(
      'it is no connection of a Pool: pass the one that pool.getConnection() gave',
    )
  }
  const { _pool: owner, _released: released } = coreOf(connection)
  if (released) throw transactionUnusable('its connection was given back to the pool')
  if (owner === pool) return
  throw transactionUnusable(
    owner
      ? "its connection belongs to another pool than this database's"
      : 'its connection is lost or closed',
  )
}
