import { newGid } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import type { CommittableSqlContext, SqlDatabase } from '@stepping/sql'
import { freshMysqlDatabase, shownByInnodb } from '@stepping/test-support'
import { createPool } from 'mysql2/promise'
import type { Pool, PoolConnection, PoolOptions, RowDataPacket } from 'mysql2/promise'
import { inject, onTestFinished } from 'vitest'
import { mysql2 } from '../src/index.ts'
import type { Mysql2Options, Mysql2TransactionOptions } from '../src/index.ts'

export type TestDatabase = SqlDatabase<
  PoolConnection,
  Mysql2TransactionOptions,
  CommittableSqlContext
>
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

export interface HarnessOptions extends Partial<Mysql2Options> {
  /** Uses this database instead of a fresh one; whoever made it drops it. */
  readonly url?: string
  readonly pool?: PoolOptions
  /** Run on each connection of the pool before it is used. */
  readonly session?: readonly string[]
}

/** With a table of orders, migrated. */
export async function open(options: HarnessOptions = {}): Promise<Harness> {
  const { url: given, pool: config, session = [], ...rest } = options
  const fresh = given === undefined ? await freshMysqlDatabase(inject('mysqlUrl')) : undefined
  const url = given ?? fresh!.url
  const pool = createPool({ uri: url, connectionLimit: 10, ...config })
  // The first statements on it: they are sent one after another.
  pool.pool.on('connection', (connection) => {
    for (const statement of session) connection.query(statement)
  })
  const probe = createPool({ uri: url, connectionLimit: 2 })
  const query: Harness['query'] = async (text, values) =>
    (await probe.query<RowDataPacket[]>(text, values))[0]
  const column = async (text: string, values?: unknown[]): Promise<unknown[]> =>
    (await query(text, values)).map((row) => Object.values(row)[0])
  const database = mysql2(pool, { name: 'orders', ...rest })
  await query(
    `create table if not exists orders (id int auto_increment primary key, sku varchar(200) unique) engine=InnoDB`,
  )
  await database.migrate()
  return {
    url,
    pool,
    database,
    query,
    barrier: (gid) => column(`select reason from stepping_barrier where gid = ?`, [gid]),
    skus: () => column(`select sku from orders order by id`),
    openJobs: () =>
      column(
        `select gid from stepping_job where state in ('prepared', 'submitted', 'parked') order by gid`,
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

export async function order(connection: PoolConnection, sku: string): Promise<void> {
  await connection.query('insert into orders (sku) values (?)', [sku])
}

/** A transaction as users write it; `work` ends it, or leaves that to its rejection. */
export async function begun<R>(
  { pool }: Pick<Harness, 'pool'>,
  work: (connection: PoolConnection) => Promise<R>,
): Promise<R> {
  const connection = await pool.getConnection()
  try {
    await connection.beginTransaction()
    return await work(connection)
  } catch (error) {
    await connection.rollback().catch(() => {}) // its connection may be lost
    throw error
  } finally {
    connection.release()
  }
}

/** The same, with its COMMIT. */
export async function committed<R>(
  h: Pick<Harness, 'pool'>,
  work: (connection: PoolConnection) => Promise<R>,
): Promise<R> {
  return await begun(h, async (connection) => {
    const value = await work(connection)
    await connection.commit()
    return value
  })
}

/** A new gid with a day left. */
export async function newKey(database: TestDatabase): Promise<BarrierKey> {
  return { gid: newGid(), notAfter: Date.now() + 86_400_000, identity: await database.identity() }
}

/** Waits until a statement with this text waits for a lock; resolves with its connection's id. */
export async function waitingForLock({ query }: Harness, text: string): Promise<number> {
  return await shownByInnodb(async () => {
    const rows = await query(
      `select trx_mysql_thread_id as id from information_schema.innodb_trx
      where trx_state = 'LOCK WAIT' and trx_query like ?`,
      [`%${text}%`],
    )
    if (!rows[0]) throw new Error(`nothing with ${text} waits for a lock`)
    return rows[0]['id'] as number
  })
}

/**
 * A deadlock whose victim is this connection's transaction, which has changed little: the server
 * rolls back the one that has changed less. Resolves with the error.
 */
export async function deadlock(h: Harness, connection: PoolConnection): Promise<unknown> {
  await h.query(`create table if not exists held (id int primary key, n int) engine=InnoDB`)
  await h.query(`
    insert ignore into held
    with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 100)
    select n, 0 from numbers`)
  return await begun(h, async (other) => {
    await connection.query('update held set n = n + 1 where id = 1')
    await other.query('update held set n = n + 1 where id > 1')
    const waiting = other.query('update held set n = n + 1 where id = 1')
    await waitingForLock(h, 'update held set n = n + 1 where id = 1')
    const error = await connection.query('update held set n = n + 1 where id = 2').then(
      () => undefined,
      (reason: unknown) => reason,
    )
    await waiting
    await other.rollback()
    return error
  })
}
