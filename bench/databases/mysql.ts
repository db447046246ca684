import { createConnection } from 'mysql2/promise'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import type { Cost, Probe } from '../side.ts'

/** Statements on a connection of their own, one after the other. */
export async function execute(url: string, ...statements: readonly string[]): Promise<void> {
  await connected(url, async (connection) => {
    for (const statement of statements) await connection.query(statement)
  })
}

export async function rowsOf<R>(url: string, query: string): Promise<R[]> {
  return await connected(url, async (connection) => {
    const [rows] = await connection.query<RowDataPacket[]>(query)
    return rows as R[]
  })
}

/** @param left Counts, as `count`, the jobs that are not done. */
export function probe(left: string): Probe {
  return {
    left: (url) => count(url, left),
    business: (url) => count(url, 'select count(distinct job) as count from business'),
    meter: async (url) => () => cost(url),
  }
}

async function count(url: string, query: string): Promise<number> {
  const [row] = await rowsOf<{ count: number }>(url, query)
  return row!.count
}

/** The server has its own counts of all. */
async function cost(url: string): Promise<Cost> {
  const rows = await rowsOf<{ Variable_name: string; Value: string }>(
    url,
    "show global status where Variable_name in ('Questions', 'Innodb_lsn_current')",
  )
  const found = new Map(rows.map((row) => [row.Variable_name, Number(row.Value)]))
  return { statements: found.get('Questions')!, bytes: found.get('Innodb_lsn_current')! }
}

async function connected<R>(url: string, work: (connection: Connection) => Promise<R>): Promise<R> {
  const connection = await createConnection(url)
  try {
    return await work(connection)
  } finally {
    await connection.end()
  }
}
