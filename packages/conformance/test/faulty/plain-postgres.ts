import { commitProxy, postgresProbe } from '@stepping/conformance'
import type { DatabaseHarness } from '@stepping/conformance'
import { postgres, sqlDatabase, toText, transactionUnusable } from '@stepping/sql'
import type { CommittableSqlContext, CommittableTransaction } from '@stepping/sql'
import type { SqlDatabase, SqlDriver, SqlResult, Statement } from '@stepping/sql'
import { assertCommitted, watchTransaction } from '@stepping/sql/node-postgres'
import type { PgClient } from '@stepping/sql/node-postgres'
import { freshDatabase } from '@stepping/test-support'
import { Client, Pool } from 'pg'
import type { PoolClient } from 'pg'
import { overriding } from './overriding.ts'

export type Driver = SqlDriver<PoolClient, undefined, CommittableTransaction>
export type PlainDatabase = SqlDatabase<PoolClient, undefined, CommittableSqlContext>

/** A change for the worse, of what the driver says or of the database that is made of it. */
export interface DatabaseFault {
  readonly name: string
  /** The case that has to notice it. */
  readonly rejectedBy: string
  readonly driver?: (healthy: Driver, pool: Pool) => Driver
  readonly database?: (healthy: PlainDatabase) => Partial<PlainDatabase>
}

/** PostgreSQL through node-postgres in as few words as possible, so that each can be broken. */
export function plainHarness(
  serverUrl: string,
  { name, driver = (healthy) => healthy, database }: Omit<DatabaseFault, 'rejectedBy'>,
): DatabaseHarness<PoolClient, PlainDatabase> {
  return {
    name,
    async open() {
      const fresh = await freshDatabase(serverUrl, 'faulty')
      const { hostname: host, port, pathname } = new URL(fresh.url)
      const proxy = await commitProxy({ host, port: Number(port) })
      const url = `postgres://postgres@127.0.0.1:${proxy.port}${pathname}`
      const pool = new Pool({ connectionString: url, max: 10 })
      pool.on('error', () => {})
      pool.on('connect', (client) => void client.on('error', () => {}))
      const raw = new Client({ connectionString: fresh.url })
      await raw.connect()
      await raw.query('create table notes (text text primary key)')
      return {
        over({ name: database_, tables }) {
          const schema = tables === undefined ? {} : { schema: tables }
          const healthy = sqlDatabase(driver(plainDriver(pool), pool), {
            name: database_,
            ...schema,
          })
          return database ? overriding(healthy, database(healthy)) : healthy
        },
        write: (client, text) => client.query('insert into notes values ($1)', [text]),
        read: async (client) =>
          (await client.query<{ text: string }>('select text from notes')).rows.map(
            (row) => row.text,
          ),
        mistakes: { 'the pool': pool },
        openByHand: (work) => transact(pool, work, (client) => client.query('commit')),
        async begin() {
          const client = await pool.connect()
          await client.query('begin')
          let given: Promise<unknown> | undefined
          const giveBack = async (): Promise<void> => {
            const lost = await client.query('rollback').then(
              () => false,
              () => true,
            )
            client.release(lost)
          }
          return {
            tx: client,
            commit: () => client.query('commit'),
            end: () => (given ??= giveBack()),
          }
        },
        async savepoint(client, work) {
          await client.query('savepoint nested')
          await work(client).catch(() => client.query('rollback to savepoint nested'))
        },
        doom: (client) => client.query('select 1 / 0'),
        rollback: (client) => client.query('rollback'),
        failOnce: { lacking: 'the plain driver runs a callback once' },
        loseCommit: (part) => proxy.lose(part),
        probe: postgresProbe(
          async (query, values) => (await raw.query<object>(query, values)).rows,
        ),
        async close() {
          await Promise.all([pool.end(), raw.end()])
          await proxy.close()
          await fresh.drop()
        },
      }
    },
  }
}

export async function transact<R>(
  pool: Pool,
  work: (client: PoolClient) => Promise<R>,
  commit: (client: PoolClient) => Promise<unknown>,
): Promise<R> {
  const client = await pool.connect()
  let idle = false
  try {
    await client.query('begin')
    let value: R
    try {
      value = await work(client)
    } catch (error) {
      await client.query('rollback')
      idle = true
      throw error
    }
    await commit(client)
    idle = true
    return value
  } finally {
    client.release(!idle)
  }
}

function plainDriver(pool: Pool): Driver {
  const watches = new WeakMap<PoolClient, ReturnType<typeof watchTransaction>>()
  const opened = new WeakSet<PoolClient>()

  async function commit(client: PoolClient): Promise<void> {
    const watch = watches.get(client) ?? watchTransaction(client)
    const error: unknown = await client.query('commit').then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (error !== undefined) await client.query('rollback').catch(() => {})
    assertCommitted(watch, error)
  }

  return {
    dialect: postgres,
    address: 'the plain driver',
    limits: { finishedHandles: 'the plain driver looks at the client only' },
    readCommitted: undefined,
    run: (statement) => run(pool, statement),
    transaction: (work) =>
      transact(
        pool,
        async (client) => {
          watches.set(client, watchTransaction(client))
          opened.add(client)
          try {
            return await work(client)
          } finally {
            opened.delete(client)
          }
        },
        commit,
      ),
    bind(client) {
      const isClient = typeof (client as PgClient).getTransactionStatus === 'function'
      if (!isClient) throw transactionUnusable('it is no client')
      const known = watches.get(client)
      const watch = known?.ended() === undefined ? known : undefined
      const mine = watch ?? watchTransaction(client)
      watches.set(client, mine)
      const assertOpen = (): void => {
        const status = (client as PgClient).getTransactionStatus?.()
        if (status !== 'T' || mine.ended() !== undefined) throw transactionUnusable('it is over')
      }
      assertOpen()
      let proved: (() => boolean) | undefined
      return {
        opened: opened.has(client),
        async assertUsable() {
          assertOpen()
        },
        async execute(statement) {
          assertOpen()
          const result = await run(client, statement)
          proved = mine.sent()
          return result
        },
        provedCommit: () => proved?.() === true,
        async commit() {
          assertOpen()
          await commit(client)
        },
      }
    },
  }
}

export async function run(on: Pool | PoolClient, statement: Statement): Promise<SqlResult> {
  const text = toText(statement, (position) => `$${position}`)
  const { rows, rowCount } = await on.query<Record<string, unknown>>(text, [...statement.values])
  return { rows, affected: rowCount ?? 0 }
}
