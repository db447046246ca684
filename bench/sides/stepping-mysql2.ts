import { mysql2 } from '@stepping/adapter-mysql2'
import { createPool } from 'mysql2/promise'
import type { PoolConnection } from 'mysql2/promise'
import { sku } from '../business.ts'
import { execute, probe } from '../databases/mysql.ts'
import type { Side } from '../side.ts'
import { createBusiness, insertBusiness } from './hand-written-mysql2.ts'
import { steppingSide } from './stepping-side.ts'
import type { Beside } from './stepping-side.ts'

const beside: Beside = {
  probe: probe(
    "select count(*) as count from stepping_job where state in ('prepared', 'submitted')",
  ),
  prepare: (url) => execute(url, createBusiness),
  copy: (url, jobs) => execute(url, ...copyJobs(jobs), 'analyze table stepping_job'),
}

export const steppingMysql2: Side = steppingSide<PoolConnection>(
  'stepping-mysql2',
  'self-TM over adapter-mysql2',
  beside,
  (url, connectionLimit) => {
    const pool = createPool({ uri: url, connectionLimit })
    return {
      database: mysql2(pool, { name: 'shop' }),
      insert: (connection, job) => connection.execute(insertBusiness, [job, sku]),
      end: () => pool.end(),
    }
  },
)

function copyJobs(jobs: number): readonly string[] {
  return [
    'set max_recursive_iterations = 10000000',
    `insert into stepping_job (gid, app, state, steps, next_step, keep, \`database\`, due_at)
     with recursive numbers as (select 1 as n union all select n + 1 from numbers where n + 1 < ${jobs})
     select concat('copy-', lpad(n, 9, '0')), app, state, replace(steps, '"job":0', concat('"job":', n)),
       next_step, keep, j.database, due_at
     from stepping_job j, numbers where ${jobs} > 1`,
  ]
}
