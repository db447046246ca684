import { assertDatabaseName, isSteppingError, printKind, SteppingError } from '@stepping/core'
import { overInCallback, postgres, sqlDatabase, transactionUnusable } from '@stepping/sql'
import type {
  BoundTransaction,
  CommittableSqlContext,
  CommittableTransaction,
  ExecuteLast,
  SchemaOptions,
  SqlDatabase,
  SqlDriver,
  Statement,
} from '@stepping/sql'
import {
  assertCommitted,
  commitTogether,
  connectBeside,
  describeAddress,
  execute,
  isOfLast,
  listen,
  surviveLoss,
  surviveLostConnections,
  watchTransaction,
} from '@stepping/sql/node-postgres'
import type {
  PgAddress,
  PgClient,
  PgPool,
  PrepareOption,
  TransactionWatch,
} from '@stepping/sql/node-postgres'
import type { Pool, PoolClient } from 'pg'
import { beginTogether, canBeginTogether } from './begin-together.ts'
import { begin } from './begin.ts'
import type { PgTransactionOptions } from './begin.ts'

export type PgOptions = SchemaOptions & PrepareOption

/**
 * A PostgreSQL database through a `Pool` of node-postgres.
 *
 * @example
 * const orders = pg(new Pool({ connectionString }), { name: 'orders' })
 * @throws SteppingError `DATABASE_INVALID` for what is no `Pool`, or a bad schema name; `OPTIONS_INVALID`
 * without a name.
 */
export function pg(
  pool: Pool,
  options: PgOptions,
): SqlDatabase<PoolClient, PgTransactionOptions, CommittableSqlContext> {
  const shape = shapeOf(pool)
  assertDatabaseName('pg', options)
  const { prepare = false, ...others } = options
  return sqlDatabase(pgDriver(pool, shape, prepare), others)
}

/** A transaction that was open on a client when it was first seen. */
interface Transaction {
  readonly watch: TransactionWatch
  /** By this adapter, which then ends it as well. */
  readonly opened: boolean
  /** Its end is about to be sent: what came later would commit by itself. */
  ending: boolean
  /** What is sent with its COMMIT. */
  last?: { readonly statement: Statement; readonly explain: (error: unknown) => unknown }
  /** The server answered COMMIT directly after `last`. */
  proved?: boolean
}

function pgDriver(
  pool: Pool,
  shape: PgPool,
  prepare: boolean,
): SqlDriver<PoolClient, PgTransactionOptions, CommittableTransaction> {
  surviveLostConnections(shape)
  // A client has one transaction at a time. The next one gets a watch of its own, so that a context
  // which outlives its transaction is told from it.
  const transactions = new WeakMap<PoolClient, Transaction>()
  let address: PgAddress | undefined
  const addressOfPool = (): PgAddress => (address ??= new shape.Client(shape.options))

  function transactionOn(client: PoolClient, opened: boolean, begun = true): Transaction {
    const transaction = { watch: watchTransaction(client, begun), opened, ending: false }
    transactions.set(client, transaction)
    return transaction
  }

  function knownOn(client: PoolClient): Transaction | undefined {
    const transaction = transactions.get(client)
    return transaction?.watch.ended() === undefined ? transaction : undefined
  }

  return {
    dialect: postgres,
    get address() {
      return describeAddress(addressOfPool())
    },
    limits: {
      finishedHandles:
        'node-postgres reuses the client: one that is first shown after the end of its transaction looks open while another transaction uses it',
    },
    readCommitted: { isolationLevel: 'read committed' },
    run: (statement) => execute(pool, statement, prepare),
    isEnded: () => shape.ending,
    async transaction(work, transactionOptions) {
      const client: PoolClient & PgClient = await pool.connect()
      let refusal: (() => Error | undefined) | undefined
      let transaction: Transaction | undefined
      try {
        const text = begin(transactionOptions)
        const together = canBeginTogether(client)
        if (together) refusal = beginTogether(client, text, prepare)
        else await client.query(text)
        transaction = transactionOn(client, true, !together)
        const value = await work(client)
        await commit(client, transaction, prepare)
        return value
      } catch (error) {
        if (transaction && !transaction.ending) await rollBack(client, transaction)
        throw refusal?.() ?? error
      } finally {
        // Only a connection that was seen idle is used again.
        giveBack(client, transaction?.watch.ended() === undefined)
      }
    },
    bind(client) {
      assertClientOf(addressOfPool(), client)
      const known = knownOn(client)
      if (!known) assertStatus(client)
      surviveLoss(client)
      const transaction = known ?? transactionOn(client, false)
      const { watch, opened } = transaction
      const assertOpen = (): void => {
        if (transaction.ending) throw transactionUnusable('it is over')
        if (watch.ended() !== undefined)
          throw transactionUnusable(opened ? overInCallback : 'it is over')
        assertStatus(client, opened)
      }
      assertOpen()
      let proved: (() => boolean) | undefined
      const bound: BoundTransaction = {
        opened,
        async execute(statement) {
          assertOpen()
          const result = await execute(client, statement, prepare, opened ? watch : undefined)
          proved = watch.sent()
          return result
        },
        async assertUsable() {
          assertOpen()
        },
        provedCommit: () => transaction.proved ?? proved?.() === true,
      }
      // What this adapter opened it commits itself, after its work.
      if (opened) {
        const executeLast: ExecuteLast = async (statement, explain) => {
          assertOpen()
          if (transaction.last) throw transactionUnusable('it has its last statement already')
          transaction.last = { statement, explain }
        }
        return { ...bound, executeLast } as BoundTransaction as CommittableTransaction
      }
      return {
        ...bound,
        async commit() {
          assertOpen()
          await commit(client, transaction, prepare)
        },
      }
    },
    listen: async (channel, onNotify, onLost) =>
      await listen(await connectBeside(shape), channel, onNotify, onLost),
  }
}

function shapeOf(pool: Pool): PgPool {
  const shape = pool as unknown as PgPool
  if (typeof shape?.totalCount === 'number') return shape
  // Transactions of one Client that run at once are one transaction to the server: a row that was
  // rolled back in one can be committed by the other.
  throw new SteppingError(
    'DATABASE_INVALID',
    `pg takes a Pool of node-postgres, and got ${printKind(pool)}: over a single Client, transactions that run at once would run into each other. Use pg(new Pool(...), { name }).`,
  )
}

function assertClientOf({ host, port, database }: PgAddress, client: PoolClient): void {
  if (typeof (client as { totalCount?: unknown }).totalCount === 'number') {
    throw transactionUnusable('a Pool has none: pass the client that pool.connect() gave')
  }
  if (typeof client.query !== 'function' || typeof client.release !== 'function') {
    throw transactionUnusable('it is no client of a Pool: pass the one that pool.connect() gave')
  }
  if (client.host === host && client.port === port && client.database === database) return
  throw transactionUnusable("its client is connected to another database than this one's pool")
}

/** @param opened By this adapter, whose BEGIN need not be answered yet. */
function assertStatus(client: PgClient, opened = false): void {
  // Unknown before pg 8.21; then the server tells.
  const status = client.getTransactionStatus?.()
  if (status === 'E') {
    throw transactionUnusable('a statement in it failed, so it can only be rolled back')
  }
  if (opened || status === undefined || status === 'T') return
  throw transactionUnusable("none is open on this client: await client.query('begin') first")
}

async function commit(
  client: PoolClient,
  transaction: Transaction,
  prepare: boolean,
): Promise<void> {
  transaction.ending = true
  const error: unknown = await sendCommit(client, transaction, prepare).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  // The state that the server is in comes after its error: with the answer to this it is known.
  if (error !== undefined) await client.query('rollback').catch(() => {})
  // What ended the transaction before was answered with COMMIT, too, maybe.
  if (isSteppingError(error)) throw error
  const { watch, last } = transaction
  if (error !== undefined && last && isOfLast(error, watch.ended())) throw last.explain(error)
  assertCommitted(watch, error)
}

async function sendCommit(
  client: PoolClient,
  transaction: Transaction,
  prepare: boolean,
): Promise<void> {
  const { watch, last } = transaction
  if (last) {
    transaction.proved = await commitTogether(client, last.statement, prepare, watch)
    if (transaction.proved) return
  }
  await client.query('commit')
}

async function rollBack(client: PoolClient, transaction: Transaction): Promise<void> {
  transaction.ending = true
  await client.query('rollback').catch(() => {}) // where it does not get through: see giveBack
}

function giveBack(client: PoolClient, destroy: boolean): void {
  try {
    client.release(destroy)
  } catch {
    // The user's work has given it back.
  }
}
