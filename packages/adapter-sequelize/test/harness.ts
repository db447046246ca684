import { newGid } from '@stepping/core'
import type { BarrierKey } from '@stepping/core'
import type { CommittableSqlContext, SqlDatabase } from '@stepping/sql'
import { freshDatabase, freshMysqlDatabase } from '@stepping/test-support'
import type { FreshDatabase } from '@stepping/test-support'
import { DataTypes, QueryTypes, Sequelize } from 'sequelize'
import type { Dialect, Model, ModelStatic, Options, Transaction } from 'sequelize'
import { inject, onTestFinished, vi } from 'vitest'
import { sequelize } from '../src/index.ts'
import type { SequelizeOptions, SequelizeTransactionOptions } from '../src/index.ts'

export type TestDatabase = SqlDatabase<
  Transaction,
  SequelizeTransactionOptions,
  CommittableSqlContext
>
export type Orders = ModelStatic<Model<{ sku: string }>>

/** One database of the test's own, and a look at it by another route. */
export interface Harness {
  readonly url: string
  readonly db: Sequelize
  readonly orders: Orders
  readonly database: TestDatabase
  readonly query: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>
  /** The reasons in the barrier under this gid. */
  readonly barrier: (gid: string) => Promise<unknown[]>
  readonly skus: () => Promise<unknown[]>
  /** The gids of the jobs that are stored and not over. */
  readonly openJobs: () => Promise<unknown[]>
  readonly close: () => Promise<void>
}

export interface HarnessOptions extends Partial<SequelizeOptions> {
  /** Uses this database instead of a fresh one; whoever made it drops it. */
  readonly url?: string
  /** Of the instance under test. */
  readonly config?: Options
}

export interface Product {
  readonly name: string
  open(options?: HarnessOptions): Promise<Harness>
}

export const postgres: Product = {
  name: 'PostgreSQL',
  open: (options) =>
    openFresh(() => freshDatabase(inject('postgresUrl')), 'postgres', 'stepping.', options),
}

export const mysql2 = onMysql('mysql2', 'mysql')

export const mariadb = onMysql('mariadb', 'mariadb')

export const products: readonly Product[] = [postgres, mysql2, mariadb]

function onMysql(name: string, dialect: Dialect): Product {
  return {
    name,
    open: (options) =>
      openFresh(() => freshMysqlDatabase(inject('mysqlUrl')), dialect, 'stepping_', options),
  }
}

async function openFresh(
  makeFresh: () => Promise<FreshDatabase>,
  dialect: Dialect,
  tables: string,
  { url: given, config, ...options }: HarnessOptions = {},
): Promise<Harness> {
  const fresh = given === undefined ? await makeFresh() : undefined
  const url = given ?? fresh!.url
  const instance = (its: Options): Sequelize => {
    const { hostname, port, username, password, pathname } = new URL(url)
    return new Sequelize(pathname.slice(1), username, password, {
      dialect,
      host: hostname,
      port: Number(port),
      logging: false,
      ...its,
    })
  }
  const db = instance({ ...config, pool: { max: 10, ...config?.pool } })
  const drop = async (): Promise<void> => {
    await fresh?.drop()
  }
  return await harness({ url, db, probe: instance({ pool: { max: 2 } }), tables, drop }, options)
}

/** With a table of orders, migrated. */
async function harness(
  {
    url,
    db,
    probe,
    tables,
    drop,
  }: { url: string; db: Sequelize; probe: Sequelize; tables: string; drop: () => Promise<void> },
  options: Partial<SequelizeOptions>,
): Promise<Harness> {
  const query: Harness['query'] = async (text, replacements = []) =>
    await probe.query(text, { replacements, type: QueryTypes.SELECT })
  const column = async (text: string, values?: unknown[]): Promise<unknown[]> =>
    (await query(text, values)).map((row) => Object.values(row)[0])
  const orders: Orders = db.define(
    'orders',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      sku: { type: DataTypes.STRING(100) },
    },
    { timestamps: false, freezeTableName: true },
  )
  const database = sequelize(db, { name: 'orders', ...options })
  await orders.sync({ logging: false })
  await database.migrate()
  return {
    url,
    db,
    orders,
    database,
    query,
    barrier: (gid) => column(`select reason from ${tables}barrier where gid = ?`, [gid]),
    skus: () => column(`select sku from orders order by id`),
    openJobs: () =>
      column(
        `select gid from ${tables}job where state in ('prepared', 'submitted', 'parked') order by gid`,
      ),
    async close() {
      await Promise.all([db.close(), probe.close()])
      await drop()
    },
  }
}

/** The same, closed when the test ends. */
export async function openForTest(product: Product, options?: HarnessOptions): Promise<Harness> {
  const h = await product.open(options)
  onTestFinished(() => h.close())
  return h
}

/** A transaction as users write it who commit by hand; `work` ends it, or leaves that to its rejection. */
export async function begun<R>(
  { db }: Pick<Harness, 'db'>,
  work: (t: Transaction) => Promise<R>,
): Promise<R> {
  const t = await db.transaction()
  try {
    return await work(t)
  } catch (error) {
    await t.rollback().catch(() => {}) // its COMMIT was refused
    throw error
  }
}

/** The same, with its COMMIT. */
export async function committed<R>(
  h: Pick<Harness, 'db'>,
  work: (t: Transaction) => Promise<R>,
): Promise<R> {
  return await begun(h, async (t) => {
    const value = await work(t)
    await t.commit()
    return value
  })
}

/** A new gid with a day left. */
export async function newKey(database: TestDatabase): Promise<BarrierKey> {
  return { gid: newGid(), notAfter: Date.now() + 86_400_000, identity: await database.identity() }
}

/** Sequelize says on the console that a COMMIT or ROLLBACK failed. */
export function expectWarnings(): void {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
}
