import type { AnyDatabase, DbContext } from '@stepping/core'

/**
 * What the store needs of a MongoDB database, in the shape that `@stepping/adapter-mongo` gives it.
 * Written down here as well, so that whoever keeps jobs in SQL needs neither that package nor the
 * driver.
 */
export interface AnyMongoDatabase extends AnyDatabase {
  readonly dialect: 'mongodb'
  readonly collections: { readonly collection: (name: string) => string }
  /** One command by itself. It may be sent again, so it has to be one that may arrive twice. */
  readonly run: Execute
  /** Commands in one transaction of their own, durable when it resolves. `work` may be run again. */
  atomically<R>(work: (execute: Execute) => Promise<R>): Promise<R>
  assertMigrated(set: MigrationSet): Promise<void>
  migrateSet(set: MigrationSet): Promise<void>
  /** Which server and which of its databases this is: a copy has the same identity and another place. */
  place(): Promise<string>
  /** Calls back for each change of the document until closed; `onLost` when that cannot go on. Absent where it would take the only connection. */
  readonly watch?: (
    collection: string,
    id: string,
    onChange: () => void,
    onLost: () => void,
  ) => Promise<() => Promise<void>>
  /** Of its client: so many commands can be under way. Infinity where it has no limit. */
  readonly maxPoolSize: number
  readonly errorCode: (error: unknown) => number | undefined
}

export interface MongoContext extends DbContext {
  readonly database: AnyMongoDatabase
  /** In the context's transaction, or not at all. */
  readonly execute: Execute
}

export type Command = Readonly<Record<string, unknown>>
export type Reply = Readonly<Record<string, unknown>>
export type Execute = (command: Command) => Promise<Reply>

export interface MigrationSet {
  readonly component: string
  readonly version: number
  commands(collections: AnyMongoDatabase['collections']): readonly Command[]
}

export function isMongoDatabase(database: AnyDatabase): database is AnyMongoDatabase {
  return database.dialect === 'mongodb' && 'run' in database && 'collections' in database
}

export function isMongoContext(context: DbContext): context is MongoContext {
  return isMongoDatabase(context.database) && 'execute' in context
}
