import { pg } from '@stepping/adapter-pg'
import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { insertBusiness, sku } from '../business.ts'
import type { Side } from '../side.ts'
import { besidePostgres } from './beside-postgres.ts'
import { steppingSide } from './stepping-side.ts'
import type { Connected } from './stepping-side.ts'

export const stepping: Side = steppingSide(
  'stepping',
  'self-TM over adapter-pg with prepare: true',
  besidePostgres,
  (url, connections) => connect(url, connections, false),
)

export const steppingPipeline: Side = steppingSide(
  'stepping-pipeline',
  'the same over a pool with pipeline: true',
  besidePostgres,
  (url, connections) => connect(url, connections, true),
)

export function connect(url: string, max: number, pipeline: boolean): Connected<PoolClient> {
  const pool = new Pool({ connectionString: url, max, pipeline })
  return {
    database: pg(pool, { name: 'shop', prepare: true }),
    insert: (client, job) => client.query(insertBusiness, [job, sku]),
    end: () => pool.end(),
  }
}
