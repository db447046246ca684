import type { AnyDatabase, DatabaseRef } from './db-context.ts'
import { SteppingError } from './errors.ts'
import { printKind } from './print-value.ts'
import type { TenantDatabases } from './tenant-databases.ts'

// What the compiler refuses, and plain JavaScript does not.

/** @throws SteppingError `OPTIONS_INVALID` for what no adapter has made. */
export function assertDatabase(owner: string, given: unknown): void {
  if (isDatabase(given)) return
  const { name, get } = (given ?? {}) as Partial<TenantDatabases>
  if (typeof name === 'string' && typeof get === 'function') {
    throw new SteppingError(
      'OPTIONS_INVALID',
      `${owner} got tenantDatabases ${name}, it takes the database of one tenant: what its get(tenant) resolves with.`,
    )
  }
  throw wrongArgument(owner, given, 'the database of an adapter first, such as pg(pool, { name })')
}

/** @throws SteppingError `OPTIONS_INVALID` */
export function assertWork(owner: string, given: unknown): void {
  if (typeof given === 'function') return
  throw wrongArgument(owner, given, 'a function after the database, which gets (tx, job)')
}

/**
 * A driver's transaction that is taken for options would make a job that no transaction decides about.
 *
 * @throws SteppingError `OPTIONS_INVALID`
 */
export function assertContextOrOptions(given: unknown): void {
  if (isContext(given) || (isPlain(given) && !('database' in given))) return
  throw wrongArgument(
    'stepping.createJob',
    given,
    'options, or the context of a transaction: createJob(database.context(tx))',
  )
}

/** @throws SteppingError `OPTIONS_INVALID` without a name, by which stored jobs find their database. */
export function assertDatabaseName(owner: string, options: Partial<DatabaseRef> | undefined): void {
  const name = options?.name
  if (typeof name === 'string' && name !== '') return
  throw new SteppingError(
    'OPTIONS_INVALID',
    `${owner}: the database has ${name === '' ? 'an empty name' : 'no name'}. Stored jobs find it by that: give it one, { name: 'orders' }.`,
  )
}

export function isDatabase(given: unknown): given is AnyDatabase {
  return typeof (given as Partial<AnyDatabase> | null | undefined)?.ref?.name === 'string'
}

function isContext(given: unknown): boolean {
  return isDatabase((given as { database?: unknown } | null | undefined)?.database)
}

function isPlain(given: unknown): given is object {
  if (typeof given !== 'object' || given === null) return false
  const prototype: unknown = Object.getPrototypeOf(given)
  return prototype === Object.prototype || prototype === null
}

function wrongArgument(owner: string, given: unknown, wanted: string): SteppingError {
  return new SteppingError(
    'OPTIONS_INVALID',
    `${owner} got ${printKind(given)}, it takes ${wanted}.`,
  )
}
