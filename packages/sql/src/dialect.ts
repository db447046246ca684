import type { BarrierKey, OnceKey } from '@stepping/core'
import type { MigrationSet } from './migration.ts'
import type { Execute, Statement } from './statement.ts'
import type { Tables } from './table-name.ts'

/** What a guarded insert found. `expired`: the database's clock is past the key's `notAfter`. */
export type Inserted = 'inserted' | 'exists' | 'expired'

/** How one database product does what every SQL adapter needs. The same names in each dialect. */
export interface SqlDialect {
  readonly name: 'postgres' | 'mysql' | 'sqlite'
  readonly migrations: MigrationSet

  /** Held until the surrounding transaction ends. */
  lockMigrations(tables: Tables): Statement
  hasMeta(tables: Tables, execute: Execute): Promise<boolean>
  createMeta(tables: Tables): readonly Statement[]
  writeVersion(tables: Tables, component: string, version: number): Statement
  /** In a column `place`: which server and which of its databases this is. A copy is another place. */
  readPlace(): Statement
  /** The database's clock as epoch milliseconds, in a column `now`. */
  readClock(): Statement

  /** In the user's transaction, which from then on commits durably. */
  insertBarrier(tables: Tables, execute: Execute, key: BarrierKey): Promise<Inserted | 'changed'>
  /** The reason stored with a decided gid: `msg` committed, `rollback` not. */
  readReason(tables: Tables, gid: string): Statement
  /** In a READ COMMITTED transaction of its own; waits for locks only a moment. */
  resolveBarrier(
    tables: Tables,
    execute: Execute,
    key: BarrierKey,
  ): Promise<'msg' | 'rollback' | 'expired' | 'changed'>

  takeOnce(tables: Tables, execute: Execute, key: OnceKey): Promise<Inserted>
  readOnce(tables: Tables, key: OnceKey): Statement
  storeOnce(tables: Tables, key: OnceKey, value: string): Statement

  /** Barrier rows after the id, oldest first: `id`, `gid`, `reason`, and whether each is `old` enough to go. */
  listBarrier(tables: Tables, afterId: string, limit: number): Statement
  deleteBarrier(tables: Tables, ids: readonly string[]): Statement
  /** Gids after this one with `once` rows of this owner whose job is not known to be over. */
  listOnce(tables: Tables, owner: string, afterGid: string, limit: number): Statement
  markOnceOver(tables: Tables, owner: string, gids: readonly string[]): Statement
  deleteOnceOver(tables: Tables, limit: number): Statement

  /** A lock or a timeout kept the answer away: ask again. */
  isUndecided(error: unknown): boolean
  /** The server cannot be reached or does not take connections. */
  isUnreachable(error: unknown): boolean
  isMissingTable(error: unknown): boolean
}
