import type { Database, DatabaseRef, DbContext } from '@stepping/core'

/** What the server calls itself. Cells are grouped by it: their databases come from one place. */
export type Product = 'postgres' | 'pglite' | 'mysql' | 'sqlite' | 'mongodb'

/** One database library as the app of a cell uses it. */
export interface Library {
  /** The adapter over the library, and the library itself for the app's own tables. */
  open(url: string, ref?: DatabaseRef): Promise<OpenLibrary>
}

export type Table = 'orders' | 'ledger'

/** A row of the app's own: `orders` has one per transaction, `ledger` one per step that had its effect. */
export interface Row {
  readonly gid: string
  readonly what: string
  /** Whose database it is in, where there are several. */
  readonly tenant?: string
}

/** `Tx` is the library's own; the app only hands it on. */
export interface OpenLibrary<Tx = unknown> {
  readonly database: Database<Tx>
  createTables(): Promise<void>
  insert(tx: Tx, table: Table, row: Row): Promise<void>
  rows(table: Table): Promise<Row[]>
  /** A transaction that the library's own call opens and commits (form 3); absent where it cannot be used. */
  ownTransaction?<R>(work: (tx: Tx, context: DbContext) => Promise<R>): Promise<R>
  /** A transaction that the job commits (form 4); absent where the library has none. */
  begin?(): Promise<{
    tx: Tx
    /** Rolls back, unless the job committed, and gives the connection back. */
    end(): Promise<void>
  }>
  close(): Promise<void>
}
