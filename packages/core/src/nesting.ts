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
export function assertNotNested(
  database: AnyDatabase,
  { independent = false, once = false }: { independent?: boolean; once?: boolean },
): void {
  const alone = database.limits.parallelTransactions
  if (!isInside(database) || (independent && alone === undefined)) return
  const ref = describeRef(database.ref)
  if (once) {
    throw nested(
      `once was called inside an open transaction of the database ${ref}. Do all of it in one once, with its tx, or call this one after that transaction.`,
    )
  }
  throw nested(
    `A transaction of the database ${ref} is open around this one. Pass its tx and job down` +
      (alone === undefined
        ? ', or say independent: true for one that commits by itself.'
        : ` (${alone}).`),
  )
}

/**
 * Refuses to start a job of its own inside a transaction: its steps would run though that rolls
 * back.
 *
 * @throws SteppingError `TRANSACTION_NESTED`
 */
export function assertNoTransaction(gid: string): void {
  const around = openTransactions().next().value
  if (!around) return
  throw nested(
    `Job ${gid} has no transaction, and is started inside one of the database ${describeRef(around.ref)}: its steps would run even if that rolls back. Add them to the job that the callback was given; if they are to run in any case, say createJob({ independent: true }).`,
    gid,
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
  throw nested(
    `This would wait for the open transaction of the database ${describeRef(database.ref)} (${alone}). Do it after that transaction; steps can be added to the job that the callback was given.`,
  )
}

function isInside(database: AnyDatabase): boolean {
  return [...openTransactions()].some(({ ref }) => sameRef(ref, database.ref))
}

/** Around the caller, from the innermost outwards. */
function* openTransactions(): Generator<AnyDatabase, undefined> {
  for (let each = storage?.getStore(); each; each = each.outer) {
    if (each.open) yield each.database
  }
}

function nested(message: string, gid?: string): SteppingError {
  return new SteppingError('TRANSACTION_NESTED', message, gid === undefined ? {} : { gid })
}

function sameRef(a: DatabaseRef, b: DatabaseRef): boolean {
  return a.name === b.name && a.tenant === b.tenant
}

/** `orders`, or `orders/acme` for a tenant's database. */
export function describeRef(ref: DatabaseRef): string {
  return ref.tenant === undefined ? ref.name : `${ref.name}/${ref.tenant}`
}
