import { drizzleSqlite } from '@stepping/adapter-drizzle'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import type { RunResult } from 'better-sqlite3'
import type { ExtractTablesWithRelations } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { SQLiteTransaction } from 'drizzle-orm/sqlite-core'
import { sku } from '../business.ts'
import { execute, open, probe } from '../databases/sqlite.ts'
import type { Side } from '../side.ts'
import { createBusiness, handWrittenSqlite } from './hand-written-sqlite.ts'
import { steppingSide } from './stepping-side.ts'
import type { Beside } from './stepping-side.ts'

const business = sqliteTable('business', { job: integer().notNull(), sku: text().notNull() })
const outbox = sqliteTable('outbox', { payload: text().notNull() })

type None = Record<string, never>
type Tx = SQLiteTransaction<'sync', RunResult, None, ExtractTablesWithRelations<None>>

const beside: Beside = {
  probe: probe(
    "select count(*) as count from stepping_job where state in ('prepared', 'submitted')",
  ),
  prepare: async (url) => execute(url, createBusiness),
  copy: async (url, jobs) => execute(url, copyJobs(jobs), 'analyze'),
}

export const steppingSqlite: Side = steppingSide<Tx>(
  'stepping-sqlite',
  'self-TM over adapter-drizzle over better-sqlite3',
  beside,
  (url) => {
    const client = open(url)
    return {
      database: drizzleSqlite(drizzle({ client }), { name: 'shop' }),
      insert: (tx, job) => tx.insert(business).values({ job, sku }).run(),
      end: async () => client.close(),
    }
  },
)

export const handWrittenDrizzleSqlite: Side = {
  ...handWrittenSqlite,
  name: 'hand-written-drizzle-sqlite',
  about: "both inserts by Drizzle's query builder, over better-sqlite3",
  async open(url) {
    const client = open(url)
    const db = drizzle({ client })
    return {
      async enqueue(job) {
        db.transaction(
          (tx) => {
            tx.insert(business).values({ job, sku }).run()
            tx.insert(outbox)
              .values({ payload: JSON.stringify({ job }) })
              .run()
          },
          { behavior: 'immediate' },
        )
      },
      close: async () => void client.close(),
    }
  },
}

function copyJobs(jobs: number): string {
  return `
    insert into stepping_job (gid, app, state, steps, next_step, keep, database, due_at)
    with recursive numbers as (select 1 as n union all select n + 1 from numbers where n + 1 < ${jobs})
    select format('copy-%09d', n), app, state, replace(steps, '"job":0', '"job":' || n),
      next_step, keep, database, due_at
    from stepping_job, numbers where ${jobs} > 1`
}
