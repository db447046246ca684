import type { AnyDatabase, DatabaseRef } from './db-context.ts'
import { SteppingError } from './errors.ts'

interface OpenTransaction {
  readonly database: AnyDatabase
  readonly outer: OpenTransaction | undefined
  open: boolean
}

interface AsyncStorage<T> {
  getStore(): T | undefined
  run<R>(store: T, work: () => R): R
}

declare const process:
  | { getBuiltinModule?: (id: string) => { AsyncLocalStorage: new <T>() => AsyncStorage<T> } }
  | undefined

// The one Node API here, and only where it exists: in a browser nesting is simply not noticed.
const hooks =
  typeof process === 'undefined' ? undefined : process.getBuiltinModule?.('node:async_hooks')
const storage = hooks && new hooks.AsyncLocalStorage<OpenTransaction>()

/**
 * Runs `work` as being inside a transaction of `database`, for the checks below. It counts as
 * inside only until `work` settles, so work that was started there and not awaited is free later.
 */
export async function insideTransaction<R>(
  database: AnyDatabase,
  work: () => Promise<R>,
): Promise<R> {
  if (!storage) return await work()
  const transaction = { database, outer: storage.getStore(), open: true }
  try {
    return await storage.run(transaction, work)
  } finally {
    transaction.open = false
  }
}

/**
 * Refuses a transaction inside a transaction of the same database: the inner one would commit
 * though the outer one rolls back, and on a single connection would wait for it for ever.
 *
 * @throws SteppingError `TRANSACTION_NESTED`
 */
export function assertNotNested(database: AnyDatabase, independent: boolean): void {
  const alone = database.limits.parallelTransactions
  if (!isInside(database) || (independent && alone === undefined)) return
  throw new SteppingError(
    'TRANSACTION_NESTED',
    `A transaction of the database ${describeRef(database.ref)} is open around this one. Pass its tx and job down` +
      (alone === undefined
        ? ', or say independent: true for one that commits by itself.'
        : ` (${alone}).`),
  )
}

/**
 * Refuses to ask a single-connection database beside its own open transaction, where the answer
 * would wait for that transaction and the transaction for the answer.
 *
 * @throws SteppingError `TRANSACTION_NESTED`
 */
export function assertCanBeAsked(database: AnyDatabase | undefined): void {
  const alone = database?.limits.parallelTransactions
  if (!database || alone === undefined || !isInside(database)) return
  throw new SteppingError(
    'TRANSACTION_NESTED',
    `This would wait for the open transaction of the database ${describeRef(database.ref)} (${alone}). Add the steps to the job that belongs to the transaction, or start the job after it.`,
  )
}

function isInside(database: AnyDatabase): boolean {
  for (let each = storage?.getStore(); each; each = each.outer) {
    if (each.open && sameRef(each.database.ref, database.ref)) return true
  }
  return false
}

function sameRef(a: DatabaseRef, b: DatabaseRef): boolean {
  return a.name === b.name && a.tenant === b.tenant
}

/** `orders`, or `orders/acme` for a tenant's database. */
export function describeRef(ref: DatabaseRef): string {
  return ref.tenant === undefined ? ref.name : `${ref.name}/${ref.tenant}`
}
