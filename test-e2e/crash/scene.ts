import { pg } from '@stepping/adapter-pg'
import { freshDatabase, runChild } from '@stepping/test-support'
import type { Child } from '@stepping/test-support'
import { createStepping } from '@stepping/core'
import { selfTm } from '@stepping/self-tm'
import { onTestFinished } from 'vitest'
import type { AppEnvironment } from './app.ts'
import { openPool } from './open-pool.ts'

/** Where the jobs are stored, seen from the orders. */
export type Path = 'outbox' | '2-phase'

/** The databases of one test, migrated, and a connection of the test's own to look at them. */
export interface Scene {
  readonly path: Path
  run(env?: Partial<AppEnvironment>): Child
  /** Runs the app to its death and waits for it. */
  crash(env: Partial<AppEnvironment>): Promise<Child>
  rows<T>(query: string): Promise<T[]>
  /** The rows of the store, which may be in another database. */
  jobs(): Promise<{ gid: string; state: string; cursor: number }[]>
  /** Steps that ended, in the order they began. */
  effects(): Promise<Effect[]>
  /** Resolves when the condition holds; rejects with what is there when it does not in time. */
  until(condition: () => Promise<boolean>, withinMs?: number): Promise<void>
  /** Resolves when no job is left to do. */
  settled(withinMs?: number): Promise<void>
}

export interface Effect {
  readonly gid: string
  readonly step: string
  readonly pid: number
  readonly attempt: number
  readonly began_at: Date
  readonly ended_at: Date | null
}

export async function openScene(serverUrl: string, path: Path, label: string): Promise<Scene> {
  const orders = await freshDatabase(serverUrl, label)
  const store = path === 'outbox' ? orders : await freshDatabase(serverUrl, `${label} store`)
  const pool = openPool(orders.url)
  const storePool = path === 'outbox' ? pool : openPool(store.url)
  onTestFinished(async () => {
    await pool.end()
    if (storePool !== pool) await storePool.end()
    await orders.drop()
    if (store !== orders) await store.drop()
  })
  await pool.query(`
    create table orders (id int primary key, gid text not null);
    create table ledger (gid text not null, step text not null);
    create table effects (id serial primary key, gid text not null, step text not null, pid int not null,
      attempt int not null, began_at timestamptz not null default clock_timestamp(), ended_at timestamptz)`)
  const ordersDatabase = pg(pool, { name: 'orders' })
  const storeDatabase = path === 'outbox' ? ordersDatabase : pg(storePool, { name: 'jobs' })
  await using stepping = createStepping({
    app: 'shop',
    tm: selfTm({ database: storeDatabase }),
    databases: [ordersDatabase],
    steps: [],
  })
  await stepping.migrate()

  const run = (env: Partial<AppEnvironment> = {}): Child =>
    runChild(new URL('./app.ts', import.meta.url), {
      env: { ORDERS_URL: orders.url, STORE_URL: store.url, LEASE_MS: '1000', ...env },
    })
  const rows = async <T>(query: string): Promise<T[]> => (await pool.query(query)).rows as T[]
  const jobs: Scene['jobs'] = async () =>
    (await storePool.query('select gid, state, cursor from stepping.job order by created_at')).rows
  const effects = (): Promise<Effect[]> => rows<Effect>('select * from effects order by id')
  const scene: Scene = {
    path,
    run,
    async crash(env) {
      const child = run(env)
      const { signal } = await child.exit
      if (signal !== 'SIGKILL')
        throw new Error(`The app did not die at its point: ${child.lines.join('\n')}`)
      return child
    },
    rows,
    jobs,
    effects,
    async until(condition, withinMs = 15_000) {
      const deadline = Date.now() + withinMs
      while (!(await condition())) {
        if (Date.now() > deadline) {
          throw new Error(
            `Not within ${withinMs} ms. Jobs: ${JSON.stringify(await jobs())} Effects: ${JSON.stringify(await effects())}`,
          )
        }
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
    },
    async settled(withinMs) {
      const over = new Set(['finished', 'rolledBack'])
      await scene.until(async () => (await jobs()).every(({ state }) => over.has(state)), withinMs)
    },
  }
  return scene
}
