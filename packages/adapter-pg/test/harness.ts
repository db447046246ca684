import { newGid } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import type { CommittableSqlContext, SqlDatabase } from '@stepping/sql'
import { freshDatabase } from '@stepping/test-support'
import { Pool } from 'pg'
import type { PoolClient, PoolConfig } from 'pg'
import { inject, onTestFinished, vi } from 'vitest'
import { pg } from '../src/index.ts'
import type { PgOptions, PgTransactionOptions } from '../src/index.ts'

export type TestDatabase = SqlDatabase<PoolClient, PgTransactionOptions, CommittableSqlContext>
export type Rows = Record<string, unknown>[]

/** One database of the test's own, and a look at it by another route. */
export interface Harness {
  readonly url: string
  readonly pool: Pool
  readonly database: TestDatabase
  readonly query: (text: string, values?: unknown[]) => Promise<Rows>
  /** The reasons in the barrier under this gid. */
  readonly barrier: (gid: string) => Promise<unknown[]>
  readonly skus: () => Promise<unknown[]>
  /** The gids of the jobs that are stored and not over. */
  readonly openJobs: () => Promise<unknown[]>
  readonly close: () => Promise<void>
}

export interface HarnessOptions extends Partial<PgOptions> {
  /** Uses this database instead of a fresh one; whoever made it drops it. */
  readonly url?: string
  readonly pool?: PoolConfig
}

/** With a table of orders, migrated. */
export async function open(options: HarnessOptions = {}): Promise<Harness> {
  const { url: given, pool: config, ...rest } = options
  const fresh = given === undefined ? await freshDatabase(inject('postgresUrl')) : undefined
  const url = given ?? fresh!.url
  const pool = new Pool({ connectionString: url, max: 10, ...config })
  const probe = new Pool({ connectionString: url, max: 2 })
  probe.on('error', () => {}) // dropping the database ends what is about to close
  const query: Harness['query'] = async (text, values) => (await probe.query(text, values)).rows
  const column = async (text: string, values?: unknown[]): Promise<unknown[]> =>
    (await query(text, values)).map((row) => Object.values(row)[0])
  const database = pg(pool, { name: 'orders', ...rest })
  await query(`create table if not exists orders (id serial primary key, sku text unique)`)
  await database.migrate()
  return {
    url,
    pool,
    database,
    query,
    barrier: (gid) => column(`select reason from stepping.barrier where gid = $1`, [gid]),
    skus: () => column(`select sku from orders order by id`),
    openJobs: () =>
      column(
        `select gid from stepping.job where state in ('prepared', 'submitted', 'parked') order by gid`,
      ),
    async close() {
      await Promise.all([pool.end(), probe.end()])
      await fresh?.drop()
    },
  }
}

/** The same, closed when the test ends. */
export async function openForTest(options?: HarnessOptions): Promise<Harness> {
  const h = await open(options)
  onTestFinished(() => h.close())
  return h
}

export async function order(client: Pick<PoolClient, 'query'>, sku: string): Promise<void> {
  await client.query('insert into orders (sku) values ($1)', [sku])
}

/** A transaction as users write it; `work` ends it, or leaves that to its rejection. */
export async function begun<R>(
  { pool }: Pick<Harness, 'pool'>,
  work: (client: PoolClient) => Promise<R>,
): Promise<R> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    return await work(client)
  } catch (error) {
    await client.query('rollback').catch(() => {}) // its connection may be lost
    throw error
  } finally {
    client.release()
  }
}

/** The same, with its COMMIT. */
export async function committed<R>(
  h: Pick<Harness, 'pool'>,
  work: (client: PoolClient) => Promise<R>,
): Promise<R> {
  return await begun(h, async (client) => {
    const value = await work(client)
    await client.query('commit')
    return value
  })
}

/** A new gid with a day left. */
export async function newKey(database: TestDatabase): Promise<BarrierKey> {
  return { gid: newGid(), notAfter: Date.now() + 86_400_000, identity: await database.identity() }
}

/** Waits until a statement of this database waits for a lock; resolves with its backend. */
export async function waitingForLock({ query }: Harness): Promise<unknown> {
  return await vi.waitFor(
    async () => {
      const rows = await query(
        `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      if (!rows[0]) throw new Error('nothing waits for a lock')
      return rows[0]['pid']
    },
    { timeout: 5_000, interval: 10 },
  )
}

/** Holds the COMMIT of each transaction that inserts this order: a deferred trigger waits for a lock. */
export async function holdCommit(
  h: Harness,
  sku: string,
): Promise<{ /** Ends the connection in the middle of its COMMIT. */ terminate(): Promise<void> }> {
  const holder = await h.pool.connect()
  onTestFinished(() => holder.release(true))
  await holder.query('select pg_advisory_lock(1)')
  await holder.query(`
    create or replace function hold() returns trigger language plpgsql as $$
    begin if new.sku = tg_argv[0] then perform pg_advisory_xact_lock(1); end if; return new; end $$`)
  await holder.query(`
    drop trigger if exists hold on orders;
    create constraint trigger hold after insert on orders
    deferrable initially deferred for each row execute function hold('${sku}')`)
  return {
    async terminate() {
      await h.query('select pg_terminate_backend($1)', [await waitingForLock(h)])
    },
  }
}
