import { PGlite } from '@electric-sql/pglite'
import { freshDatabase } from '@stepping/test-support'
import { isSteppingError, newGid } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import type { SqlDatabase } from '@stepping/sql'
import { drizzle as overNodePostgres } from 'drizzle-orm/node-postgres'
import { drizzle as overPglite } from 'drizzle-orm/pglite'
import { drizzle as overPostgresJs } from 'drizzle-orm/postgres-js'
import type { ExtractTablesWithRelations } from 'drizzle-orm'
import type {
  PgDatabase,
  PgQueryResultHKT,
  PgTransaction,
  PgTransactionConfig,
} from 'drizzle-orm/pg-core'
import { Client, Pool } from 'pg'
import connect from 'postgres'
import { inject, onTestFinished, vi } from 'vitest'
import { drizzlePostgres } from '../src/index.ts'
import type { DrizzlePostgresOptions } from '../src/index.ts'
import * as schema from './schema.ts'

export { printSchema, selfTm } from '@stepping/self-tm'

type Schema = typeof schema
type Relations = ExtractTablesWithRelations<Schema>

/** What the three drivers' Drizzle databases have in common. */
export type Db = PgDatabase<PgQueryResultHKT, Schema, Relations>
export type Tx = PgTransaction<PgQueryResultHKT, Schema, Relations>
export type TestDatabase = SqlDatabase<Tx, PgTransactionConfig>
export type Rows = Record<string, unknown>[]

/** One database of the test's own through one driver, and a look at it by another route. */
export interface Harness {
  /** Undefined for PGlite, which has no server. */
  readonly url: string | undefined
  readonly db: Db
  readonly database: TestDatabase
  /** The same tables through another object. */
  readonly over: (options: DrizzlePostgresOptions) => TestDatabase
  /** On a connection of its own; on PGlite's only one, so not during a transaction there. */
  readonly query: (text: string, values?: unknown[]) => Promise<Rows>
  /** The barrier's rows of one gid. */
  readonly barrier: (gid: string) => Promise<Rows>
  readonly skus: () => Promise<unknown[]>
  readonly close: () => Promise<void>
}

export interface HarnessOptions {
  /** Connections in the pool. */
  readonly max?: number
  /** False leaves the database empty. */
  readonly migrated?: boolean
  /** Uses this database instead of a fresh one; whoever made it drops it. */
  readonly url?: string
  /** Default `orders`. */
  readonly name?: string
}

export interface Driver {
  readonly name: 'node-postgres' | 'postgres-js' | 'PGlite'
  open(options?: HarnessOptions): Promise<Harness>
}

export const nodePostgres: Driver = {
  name: 'node-postgres',
  open: (options) =>
    openOnServer(options, (url, max) => {
      const pool = new Pool({ connectionString: url, max })
      // A connection that the test or the server ends while idle is no failure of the test.
      pool.on('error', () => {})
      return { db: overNodePostgres(pool, { schema }), end: () => pool.end() }
    }),
}

export const postgresJs: Driver = {
  name: 'postgres-js',
  open: (options) =>
    openOnServer(options, (url, max) => {
      const sql = connect(url, { max, onnotice: () => {} })
      return {
        db: overPostgresJs(sql, { schema }),
        end: () => sql.end({ timeout: 1 }),
      }
    }),
}

export const pglite: Driver = {
  name: 'PGlite',
  async open(options = {}) {
    const client = await freshPglite()
    return await harness(
      { url: undefined, db: overPglite(client, { schema }) },
      async (text, values) => (await client.query<Rows[number]>(text, values)).rows,
      () => client.close(),
      options,
    )
  },
}

let image: Promise<Blob> | undefined

/** From a copy of the first one, which takes a quarter of the time. */
async function freshPglite(): Promise<PGlite> {
  if (image) return await PGlite.create({ loadDataDir: await image })
  const first = PGlite.create()
  image = first.then((client) => client.dumpDataDir('none'))
  await image
  return await first
}

export const drivers: readonly Driver[] = [nodePostgres, postgresJs, pglite]

/** Those where two transactions can be open at once. */
export const serverDrivers: readonly Driver[] = [nodePostgres, postgresJs]

async function openOnServer(
  options: HarnessOptions = {},
  open: (url: string, max: number) => { db: Db; end: () => Promise<unknown> },
): Promise<Harness> {
  const fresh = options.url === undefined ? await freshDatabase(inject('postgresUrl')) : undefined
  const url = options.url ?? fresh!.url
  const { db, end } = open(url, options.max ?? 10)
  const probe = new Pool({ connectionString: url, max: 2 })
  probe.on('error', () => {})
  return await harness(
    { url, db },
    async (text, values) => (await probe.query<Rows[number]>(text, values)).rows,
    async () => {
      await Promise.all([end(), probe.end()])
      await fresh?.drop()
    },
    options,
  )
}

async function harness(
  { url, db }: Pick<Harness, 'url' | 'db'>,
  query: Harness['query'],
  close: Harness['close'],
  { migrated = true, name = 'orders' }: HarnessOptions,
): Promise<Harness> {
  const over = (options: DrizzlePostgresOptions): TestDatabase => drizzlePostgres(db, options)
  const database = over({ name })
  if (migrated) {
    await query(
      `create table if not exists orders (id serial primary key, sku text not null unique)`,
    )
    await database.migrate()
  }
  return {
    url,
    db,
    database,
    over,
    query,
    close,
    barrier: (gid) =>
      query(
        `select trans_type, gid, branch_id, op, barrier_id, reason from stepping.barrier where gid = $1`,
        [gid],
      ),
    skus: async () => (await query(`select sku from orders order by id`)).map((row) => row['sku']),
  }
}

/** A new gid with a day left, for the database that it names. */
export async function newKey(database: TestDatabase): Promise<BarrierKey> {
  return { gid: newGid(), notAfter: Date.now() + 86_400_000, identity: await database.identity() }
}

export interface OpenTransaction {
  readonly tx: Tx
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** A transaction that stays open until the test ends it, or is over. */
export async function begin(
  database: Pick<TestDatabase, 'transaction'>,
  options?: PgTransactionConfig,
): Promise<OpenTransaction> {
  const opened = Promise.withResolvers<Tx>()
  const ended = Promise.withResolvers<void>()
  const over = database.transaction(async (tx) => {
    opened.resolve(tx)
    await ended.promise
  }, options)
  over.catch((error: unknown) => opened.reject(error))
  const tx = await opened.promise
  const rollback = async (): Promise<void> => {
    ended.reject(new Error('The test rolls this transaction back.'))
    await over.catch(() => {})
  }
  onTestFinished(rollback)
  return {
    tx,
    rollback,
    async commit() {
      ended.resolve()
      await over
    },
  }
}

/** What the barrier says once it can say it. */
export async function outcomeOf(
  database: TestDatabase,
  key: BarrierKey,
): Promise<'committed' | 'rolledBack'> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.barrier.resolve(key)
    } catch (error) {
      if (attempt === 100 || !isSteppingError(error, 'BARRIER_UNDECIDED')) throw error
    }
  }
}

/** Waits until the server has this many backends of the probe's database that wait for a lock. */
export async function waitingForLock({ query }: Harness, count = 1): Promise<number[]> {
  return await vi.waitFor(
    async () => {
      const rows = await query(
        `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      if (rows.length < count) throw new Error(`${rows.length} backends wait for a lock`)
      return rows.map((row) => row['pid'] as number)
    },
    { timeout: 5_000, interval: 10 },
  )
}

/** The messages of an error and of everything behind it. */
export function messagesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : []
  return [error.message, ...[...inner, error.cause].flatMap(messagesOf)]
}

export interface HeldCommit {
  /** Ends the connection in the middle of its COMMIT. */
  terminate(): Promise<void>
}

/** Holds the COMMIT of the transaction that inserts this order: a deferred trigger waits for a lock. */
export async function holdCommit(h: Harness, sku: string): Promise<HeldCommit> {
  const holder = new Client({ connectionString: h.url })
  await holder.connect()
  onTestFinished(() => holder.end())
  await holder.query('select pg_advisory_lock(1)')
  await holder.query(`
    create or replace function hold() returns trigger language plpgsql as $$
    begin if new.sku = tg_argv[0] then perform pg_advisory_xact_lock(1); end if; return new; end $$`)
  await holder.query(`
    create constraint trigger hold after insert on orders
    deferrable initially deferred for each row execute function hold('${sku}')`)
  return {
    async terminate() {
      const [pid] = await waitingForLock(h)
      await h.query('select pg_terminate_backend($1)', [pid])
    },
  }
}
