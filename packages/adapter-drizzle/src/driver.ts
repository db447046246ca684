import { entityKind } from 'drizzle-orm/entity'
import { printKind } from '@stepping/core'
import type { DatabaseLimits, DbContext } from '@stepping/core'
import type { SqlDriver, SqlResult, Statement } from '@stepping/sql'

/**
 * Drizzle's own `is`, by a class's name: the classes would load the cores of dialects, and of drivers,
 * that the app does not use, which takes longer than all else here.
 */
export function isKind(value: unknown, kind: string): boolean {
  return kindsOf(value).includes(kind)
}

/** The kind of a Drizzle database, if it is one of this base; else what was given instead, for messages. */
export function kindOf(db: unknown, base: string): string {
  const kinds = kindsOf(db)
  return kinds.includes(base) ? kinds[0]! : describeNoDrizzle(db)
}

/** From its own class upwards. */
function kindsOf(value: unknown): readonly string[] {
  const kinds: string[] = []
  let each: unknown = typeof value === 'object' && value !== null ? value.constructor : null
  while (typeof each === 'function' && entityKind in each) {
    kinds.push(each[entityKind] as string)
    each = Object.getPrototypeOf(each)
  }
  return kinds
}

function describeNoDrizzle(given: unknown): string {
  const kind = printKind(given)
  const isClient = typeof given === 'object' && given !== null
  return isClient ? `${kind}: wrap it, drizzle(client)` : kind
}

/** Why a transaction cannot be used that has ended. */
export const over = 'it is over. Call this inside the callback of db.transaction'

/** What differs between the drivers under Drizzle's PostgreSQL databases. */
export type DrizzleDriver = DriverOf & (OwnStatements | DrizzleStatements)

/** This library's statements go to the driver itself: Drizzle's logger does not see them. */
interface OwnStatements {
  execute(session: DriverSession, statement: Statement): Promise<SqlResult>
  readonly result?: undefined
}

/** They go through Drizzle. */
interface DrizzleStatements {
  /** What Drizzle got from the driver, in the common shape. */
  result(raw: unknown): SqlResult
  readonly execute?: undefined
}

interface DriverOf {
  readonly address: string
  readonly limits: DatabaseLimits
  /** Looks at the driver's own handle of a transaction; throws when that is not open. */
  handle(session: DriverSession): DriverHandle
  /** Around Drizzle's own transaction; `begun` tells whether that got past its BEGIN. */
  guard?<R>(transaction: () => Promise<R>, begun: () => boolean): Promise<R>
  /** The driver does not show that a statement of the user's ended a transaction. */
  readonly hidesEnd?: true
  readonly place?: SqlDriver<never, unknown>['place']
  readonly isEnded?: () => boolean
  readonly listen?: SqlDriver<never, unknown>['listen']
}

/** The connection inside Drizzle's session of a transaction, or else its pool. Drizzle's types keep it internal. */
export interface DriverSession {
  client: unknown
}

export interface DriverHandle {
  /** Why the transaction cannot be used any more; undefined when it can, as far as it shows. */
  unusable(): string | undefined
  /** The same by asking the server, where the driver shows nothing and the adapter did not see it begin. */
  readonly probe?: () => Promise<string | undefined>
  /** Follows the transaction to its end, where the driver shows the server's answers. */
  readonly watch?: () => CommitWatch
}

/** Sees what the server says about the statements of one transaction. */
export interface CommitWatch extends Required<Pick<DbContext, 'provedCommit'>> {
  /** In the transaction, or not at all, where it can end before what was sent is answered. */
  execute?(statement: Statement): Promise<SqlResult>
  /** The server has ended it; another one may be open on its connection. */
  isOver?(): boolean
  /** This library's statement has just been answered. */
  sent(): void
  /** Has the statement go out together with COMMIT, where the driver can: it commits only if that succeeds. */
  sendLast?(statement: Statement): void
  /** The last thing before the COMMIT. It waits for no answer. */
  beforeCommit?(): Promise<void>
  /** The transaction is over. @returns what the server answered to COMMIT, if that shows. */
  end(): Promise<string | undefined>
}
