import { PGlite } from '@electric-sql/pglite'
import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { drizzle as drizzlePool } from 'drizzle-orm/node-postgres'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { Pool } from 'pg'
import { crashAfterCommit } from './crash-after-commit.ts'

const { DATABASE_URL, DATABASE_FOLDER, SHOP_SCHEMA = 'shop', CRASH_AFTER_COMMIT } = process.env

const client = DATABASE_URL
  ? new Pool({ connectionString: DATABASE_URL })
  : new PGlite(DATABASE_FOLDER)

export const db: PgDatabase<PgQueryResultHKT> =
  client instanceof Pool ? drizzlePool(client) : drizzlePglite(client)

/** The same database, as jobs are tied to its transactions. */
export const shopDatabase = drizzlePostgres(db, { name: 'shop', schema: `${SHOP_SCHEMA}_stepping` })

if (CRASH_AFTER_COMMIT) crashAfterCommit(shopDatabase, Number(CRASH_AFTER_COMMIT))

export async function closeDatabase(): Promise<void> {
  await (client instanceof Pool ? client.end() : client.close())
}
