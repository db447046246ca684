import { postgres, sqlDatabase, toText } from '@stepping/sql'
import type {
  BoundTransaction,
  SchemaOptions,
  SqlDatabase,
  SqlDriver,
  SqlResult,
  Statement,
} from '@stepping/sql'
import { unwritten } from './unwritten.ts'

export type AcmeOptions = SchemaOptions

/** To be replaced by the library's own type: what `acme` is called with, and opens transactions. */
export interface AcmePool {
  readonly url: string
}

/** To be replaced by the library's own type: what users write their statements through. */
export interface AcmeTransaction {
  readonly pool: AcmePool
}

/**
 * A database through Acme.
 *
 * @example
 * const orders = acme(pool, { name: 'orders' })
 */
export function acme(
  pool: AcmePool,
  options: AcmeOptions,
): SqlDatabase<AcmeTransaction, undefined> {
  return sqlDatabase(acmeDriver(pool), options)
}

function acmeDriver(pool: AcmePool): SqlDriver<AcmeTransaction, undefined> {
  return {
    dialect: postgres, // or mysql, or sqlite
    address: new URL(pool.url).host, // for messages; never with the password
    limits: {}, // what it cannot do, with the reason: see DatabaseLimits
    readCommitted: undefined, // the library's options for this isolation level
    run: (statement) => run(pool, statement),
    transaction: (work) => transact(pool, work),
    bind,
  }
}

/** One statement; through the pool it is committed when this resolves. */
async function run(on: AcmePool | AcmeTransaction, statement: Statement): Promise<SqlResult> {
  const text = toText(statement, (position) => `$${position}`)
  throw unwritten(
    'run',
    'src/acme.ts',
    `send ${JSON.stringify(text.trim().slice(0, 40))}… and statement.values through ${'pool' in on ? 'the transaction' : 'the pool'}, and return { rows, affected }`,
  )
}

/** Resolves only when the server confirmed the COMMIT; rejects with what `work` threw, unchanged. */
async function transact<R>(pool: AcmePool, work: (tx: AcmeTransaction) => Promise<R>): Promise<R> {
  throw unwritten(
    'transact',
    'src/acme.ts',
    `begin a transaction on ${new URL(pool.url).host}, call ${work.name || 'work'} with it, commit, and look at what the server answered to COMMIT`,
  )
}

/** Throws `transactionUnusable(why)` for what is no open transaction of this database. */
function bind(tx: AcmeTransaction): BoundTransaction {
  throw unwritten(
    'bind',
    'src/acme.ts',
    `say whether the transaction on ${new URL(tx.pool.url).host} is open, whether this adapter opened it, and return { opened, execute, assertUsable }`,
  )
}
