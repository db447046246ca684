import type { Database } from '@stepping/core'
import type { Offered } from '../lacking.ts'

/**
 * How to open one kind of database through one library.
 *
 * @example
 * describeDatabase({
 *   name: 'Drizzle over node-postgres',
 *   async open() {
 *     const fresh = await createEmptyDatabase()
 *     const pool = new Pool({ connectionString: fresh.url })
 *     const raw = new Client({ connectionString: fresh.url })
 *     await raw.connect()
 *     await raw.query('create table rows (text text primary key)')
 *     const db = drizzle(pool)
 *     return {
 *       over: ({ name, tables }) => drizzlePostgres(db, { name, ...(tables && { schema: tables }) }),
 *       write: (tx, text) => tx.execute(sql`insert into rows values (${text})`),
 *       read: async (tx) => (await tx.execute(sql`select text from rows`)).rows.map((row) => row.text),
 *       mistakes: { 'the database object': db },
 *       openByHand: (work) => db.transaction(work),
 *       begin: { lacking: 'Drizzle has transactions as callbacks only' },
 *       savepoint: (tx, work) => tx.transaction(work),
 *       doom: (tx) => tx.execute(sql`select 1 / 0`),
 *       rollback: (tx) => tx.execute(sql`rollback`),
 *       failOnce: { lacking: 'Drizzle runs a callback once' },
 *       loseCommit: { lacking: 'no proxy stands between' },
 *       probe: postgresProbe(raw),
 *       async close() {
 *         await Promise.all([pool.end(), raw.end()])
 *         await fresh.drop()
 *       },
 *     }
 *   },
 * })
 */
export interface DatabaseHarness<Tx, D extends Database<Tx> = Database<Tx>> {
  /** Library, driver and server, as the report shows them. */
  readonly name: string
  /**
   * Connects to a database that nobody else uses. In it there is nothing but an empty table of the
   * user's, with one text column that is unique. It has at least ten connections, or one.
   */
  open(): Promise<OpenDatabase<Tx, D>>
}

export interface OpenDatabase<Tx, D extends Database<Tx> = Database<Tx>> {
  /** The `Database` under test; each time another object over the same connections. */
  over(options: DatabaseOptions): D
  /** Inserts a row into the user's table, through the library's own transaction. */
  write(tx: Tx, text: string): Promise<unknown>
  /** The user's rows as that transaction sees them. */
  read(tx: Tx): Promise<readonly string[]>
  /** What users pass by mistake in place of a transaction, by what it is: the pool, the client … */
  readonly mistakes: Readonly<Record<string, unknown>>
  /** The library's own transaction around a callback, past this adapter (form 3). */
  readonly openByHand: Offered<<R>(work: (tx: Tx) => Promise<R>) => Promise<R>>
  /** A transaction without a callback, whose context has `commit` (form 4). */
  readonly begin: Offered<() => Promise<BegunTransaction<Tx>>>
  /** A nested transaction of the library's that is rolled back alone when its work rejects. */
  readonly savepoint: Offered<(tx: Tx, work: (inner: Tx) => Promise<void>) => Promise<unknown>>
  /**
   * A statement of the user's after which the server has given up the whole transaction: the
   * deadlock, the division by zero … The kit swallows its rejection.
   */
  readonly doom: Offered<(tx: Tx) => Promise<unknown>>
  /** A ROLLBACK that the user sends as any other statement, past the library's own. The kit swallows its rejection. */
  readonly rollback: Offered<(tx: Tx) => Promise<unknown>>
  /** Rejects so that the library runs the callback again. */
  readonly failOnce: Offered<(tx: Tx) => Promise<never>>
  /**
   * Loses the connection that sends the next COMMIT: with its request, which then never arrives, or
   * with its answer. See `commitProxy`.
   */
  readonly loseCommit: Offered<(part: 'request' | 'answer') => void>
  readonly probe: Probe
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly name: string
  /** A word for the schema or prefix of this library's tables; absent: the default. */
  readonly tables?: string
}

export interface BegunTransaction<Tx> {
  readonly tx: Tx
  /** By the library itself, past this adapter. */
  readonly commit: () => Promise<unknown>
  /** Rolls back what is still open, and gives the connection back. Harmless when it is over. */
  readonly end: () => Promise<unknown>
}

/**
 * Reads and changes the tables by another route than the adapter's, for example a raw client of the
 * server. Where there is one connection only, it is not used while a transaction is open.
 */
export interface Probe {
  /** The user's rows, in any order. */
  rows(): Promise<readonly string[]>
  barrier(gid: string, tables?: string): Promise<readonly BarrierRow[]>
  once(gid: string, tables?: string): Promise<readonly OnceRow[]>
  /** Makes every row of these tables older: moves each time that is stored there back. */
  age(ms: number, tables: string): Promise<unknown>
}

/** In the names of DTM's columns. */
export interface BarrierRow {
  readonly trans_type: string
  readonly gid: string
  readonly branch_id: string
  readonly op: string
  readonly barrier_id: string
  readonly reason: string
}

export interface OnceRow {
  readonly step: number
  readonly key: string
  readonly owner: string
  readonly value: string | null
  /** Whether the row is marked as one whose job is over. */
  readonly over: boolean
}
