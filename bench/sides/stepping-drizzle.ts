import { drizzlePostgres } from '@stepping/adapter-drizzle'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Pool } from 'pg'
import { sku } from '../business.ts'
import type { Side } from '../side.ts'
import { handWritten } from './hand-written.ts'
import { besidePostgres } from './beside-postgres.ts'
import { steppingSide } from './stepping-side.ts'

const business = pgTable('business', { job: integer().notNull(), sku: text().notNull() })
const outbox = pgTable('outbox', { payload: text().notNull() })

type Tx = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0]

export const steppingDrizzle: Side = steppingSide<Tx>(
  'stepping-drizzle',
  'self-TM over adapter-drizzle with prepare: true',
  besidePostgres,
  (url, max) => {
    const pool = new Pool({ connectionString: url, max })
    return {
      database: drizzlePostgres(drizzle(pool), { name: 'shop', prepare: true }),
      insert: (tx, job) => tx.insert(business).values({ job, sku }),
      end: () => pool.end(),
    }
  },
)

export const handWrittenDrizzle: Side = {
  ...handWritten,
  name: 'hand-written-drizzle',
  about: "both inserts by Drizzle's query builder",
  open: async (url, { connections }) => {
    const pool = new Pool({ connectionString: url, max: connections })
    const db = drizzle(pool)
    return {
      enqueue: (job) =>
        db.transaction(async (tx) => {
          await tx.insert(business).values({ job, sku })
          await tx.insert(outbox).values({ payload: JSON.stringify({ job }) })
        }),
      close: () => pool.end(),
    }
  },
}
