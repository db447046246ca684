interface DatabaseName {
  /** Stored with every job: the name by which its database is found again. */
  readonly name: string
  readonly tenant?: string
}

interface SharedBarrier {
  /**
   * The barrier table of DTM's clients in other languages, where they share this database:
   * `dtm_barrier.barrier` unless they say otherwise. Nothing is ever deleted from it.
   */
  readonly barrier?: string
}

/** For PostgreSQL. */
export interface SchemaOptions extends DatabaseName, SharedBarrier {
  /** The schema of this library's tables. Default `stepping`. */
  readonly schema?: string
}

/** For databases without schemas. */
export interface PrefixOptions extends DatabaseName, SharedBarrier {
  /** What the names of this library's tables begin with. Default `stepping_`. */
  readonly prefix?: string
}

export type SqlDatabaseOptions = SchemaOptions & PrefixOptions

/** Where the tables are: each dialect reads what it has. */
export type TablesOptions = Omit<SqlDatabaseOptions, keyof DatabaseName>
