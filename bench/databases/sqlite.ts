import Database from 'better-sqlite3'
import { fileURLToPath } from 'node:url'
import { readFile } from 'node:fs/promises'
import type { Cost, Probe } from '../side.ts'

/** A connection whose commits are on the disk when they return. */
export function open(url: string): Database.Database {
  const database = new Database(fileURLToPath(url))
  database.pragma('journal_mode = wal')
  // After the other one, with which better-sqlite3 sets it to normal.
  database.pragma('synchronous = full')
  return database
}

export function execute(url: string, ...statements: readonly string[]): void {
  const database = open(url)
  try {
    for (const statement of statements) database.exec(statement)
  } finally {
    database.close()
  }
}

/** @param left Counts, as `count`, the jobs that are not done. */
export function probe(left: string): Probe {
  return {
    left: async (url) => count(url, left),
    business: async (url) => count(url, 'select count(distinct job) as count from business'),
    ...(process.platform === 'linux' && { meter: async () => written }),
  }
}

/** It runs in this process, which has been told of each write, also of those that move the log into the file. */
async function written(): Promise<Cost> {
  const [, bytes] = /wchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))!
  return { bytes: Number(bytes) }
}

function count(url: string, query: string): number {
  const database = open(url)
  try {
    return (database.prepare(query).get() as { count: number }).count
  } finally {
    database.close()
  }
}
