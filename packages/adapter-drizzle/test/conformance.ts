import { PGlite } from '@electric-sql/pglite'
import { commitProxy, postgresProbe } from '@stepping/conformance'
import type {
  DatabaseHarness,
  OpenDatabase,
  TransactionManagerHarness,
} from '@stepping/conformance'
import { memoryJobStore, selfTm } from '@stepping/self-tm'
import { freshDatabase } from '@stepping/test-support'
import { sql } from 'drizzle-orm'
import { drizzle as overNodePostgres } from 'drizzle-orm/node-postgres'
import { pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle as overPglite } from 'drizzle-orm/pglite'
import { drizzle as overPostgresJs } from 'drizzle-orm/postgres-js'
import { Client, Pool } from 'pg'
import connect from 'postgres'
import { inject } from 'vitest'
import { drizzlePostgres } from '../src/index.ts'
import type { Db, TestDatabase, Tx } from './harness.ts'

type Data = DatabaseHarness<Tx, TestDatabase>

const notes = pgTable('notes', { text: text().primaryKey() })
const createNotes = 'create table notes (text text primary key)'

export const nodePostgres: Data = {
  name: 'Drizzle over node-postgres',
  open: async () =>
    await openOnServer((url) => {
      const pool = new Pool({ connectionString: url, max: 10 })
      pool.on('error', () => {}) // its connections are cut on purpose
      return { db: overNodePostgres(pool) as unknown as Db, end: () => pool.end() }
    }),
}

export const postgresJs: Data = {
  name: 'Drizzle over postgres-js',
  open: async () =>
    await openOnServer((url) => {
      const client = connect(url, { max: 10, onnotice: () => {} })
      return { db: overPostgresJs(client) as unknown as Db, end: () => client.end({ timeout: 1 }) }
    }),
}

export const pglite: Data = {
  name: 'Drizzle over PGlite',
  async open() {
    const client = await PGlite.create()
    await client.exec(createNotes)
    return {
      ...opened(overPglite(client) as unknown as Db),
      loseCommit: { lacking: 'PGlite runs in this process: there is no connection to lose' },
      probe: postgresProbe(
        async (query, values) => (await client.query<object>(query, values)).rows,
      ),
      close: () => client.close(),
    }
  },
}

async function openOnServer(
  over: (url: string) => { db: Db; end: () => Promise<unknown> },
): Promise<OpenDatabase<Tx, TestDatabase>> {
  const fresh = await freshDatabase(inject('postgresUrl'), 'conformance')
  const { hostname, port } = new URL(fresh.url)
  const proxy = await commitProxy({ host: hostname, port: Number(port) })
  const url = Object.assign(new URL(fresh.url), { hostname: '127.0.0.1', port: `${proxy.port}` })
  const { db, end } = over(url.href)
  const raw = new Client({ connectionString: fresh.url })
  await raw.connect()
  await raw.query(createNotes)
  return {
    ...opened(db),
    loseCommit: (part) => proxy.lose(part),
    probe: postgresProbe(async (query, values) => (await raw.query<object>(query, values)).rows),
    async close() {
      await Promise.all([end(), raw.end()])
      await proxy.close()
      await fresh.drop()
    },
  }
}

function opened(db: Db): Omit<OpenDatabase<Tx, TestDatabase>, 'loseCommit' | 'probe' | 'close'> {
  return {
    over: ({ name, tables }) =>
      drizzlePostgres(db, { name, ...(tables !== undefined && { schema: tables }) }),
    write: async (tx, note) => await tx.insert(notes).values({ text: note }),
    read: async (tx) => (await tx.select().from(notes)).map((row) => row.text),
    mistakes: { 'the database': db },
    openByHand: (work) => db.transaction(work),
    begin: { lacking: 'Drizzle has transactions as callbacks only' },
    savepoint: (tx, work) => tx.transaction(work),
    doom: async (tx) => await tx.execute(sql`select 1 / 0`),
    rollback: async (tx) => await tx.execute(sql`rollback`),
    failOnce: { lacking: 'Drizzle runs a callback once' },
  }
}

const impatient = { pollMs: 50, leaseMs: 2_000, drainMs: 200 }

/** The jobs in the transactions themselves. */
export function outbox(data: Data): TransactionManagerHarness<Tx, TestDatabase> {
  return {
    name: 'self-TM in the same database',
    data,
    async open({ database }) {
      const manager = () => selfTm({ database, queryPreparedAfterMs: 300, ...impatient })
      await manager().migrate!()
      return { manager, enlists: { always: true }, close: async () => {} }
    },
  }
}

/** The jobs elsewhere. */
export function twoPhases(data: Data): TransactionManagerHarness<Tx, TestDatabase> {
  return {
    name: 'self-TM in memory',
    data,
    async open() {
      const store = memoryJobStore({ queryPreparedAfterMs: 300 })
      return {
        manager: () => selfTm({ store, ...impatient }),
        enlists: { lacking: 'no transaction reaches into memory' },
        close: async () => {},
      }
    },
  }
}
