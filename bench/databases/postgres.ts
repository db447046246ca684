import { Client } from 'pg'
import type { QueryResultRow } from 'pg'
import type { Cost, Probe } from '../side.ts'

/** Statements on a connection of their own, one after the other. */
export async function execute(url: string, ...statements: readonly string[]): Promise<void> {
  await connected(url, async (client) => {
    for (const statement of statements) await client.query(statement)
  })
}

export async function rowsOf<R extends QueryResultRow>(url: string, query: string): Promise<R[]> {
  return await connected(url, async (client) => (await client.query<R>(query)).rows)
}

export async function count(url: string, query: string): Promise<number> {
  const [row] = await rowsOf<{ count: string }>(url, query)
  return Number(row!.count)
}

/** @param left Counts, as `count`, the jobs that are not done. */
export function probe(left: string): Probe {
  return {
    left: (url) => count(url, left),
    business: (url) => count(url, 'select count(distinct job) from business'),
    meter,
  }
}

/** Of a database, and of the one that a side may have made beside it. */
async function meter(url: string): Promise<() => Promise<Cost>> {
  const name = new URL(url).pathname.slice(1)
  const both = `datname in ('${name}', '${name}_store')`
  await execute(url, 'create extension if not exists pg_stat_statements')
  const found = await rowsOf<{ datname: string }>(
    url,
    `select datname from pg_database where ${both}`,
  )
  for (const { datname } of found) {
    await execute(url, `alter database ${datname} set pg_stat_statements.track = 'top'`)
  }
  return async () => {
    const [row] = await connected(url, async (client) => {
      await client.query('set pg_stat_statements.track = none')
      const counts = `select coalesce(sum(calls), 0) as statements, pg_current_wal_insert_lsn() - '0/0' as bytes
        from pg_stat_statements join pg_database on oid = dbid and ${both}
        where query not like '%pg_stat_statements%'`
      return (await client.query<{ statements: string; bytes: string }>(counts)).rows
    })
    return { statements: Number(row!.statements), bytes: Number(row!.bytes) }
  }
}

/** The database of the transaction manager, beside the one of the app. */
export function storeOf(url: string): string {
  const store = new URL(url)
  store.pathname += '_store'
  store.search = ''
  return store.href
}

async function connected<R>(url: string, work: (client: Client) => Promise<R>): Promise<R> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
