import { createBusiness } from '../business.ts'
import { execute, probe } from '../databases/postgres.ts'
import type { Beside } from './stepping-side.ts'

/** What is done past the library on PostgreSQL. */
export const besidePostgres: Beside = {
  probe: probe("select count(*) from stepping.job where state in ('prepared', 'submitted')"),
  prepare: (url) => execute(url, createBusiness),
  copy: (url, jobs) => execute(url, copyJobs(jobs), 'vacuum analyze stepping.job'),
  clear: (url) => execute(url, 'truncate stepping.job'),
  park: (url) =>
    execute(
      url,
      "update stepping.job set state = 'parked', gid = 'parked-' || gid",
      'vacuum analyze stepping.job',
    ),
}

function copyJobs(jobs: number): string {
  return `
    insert into stepping.job (gid, app, state, steps, next_step, keep, database, due_at)
    select 'copy-${Date.now()}-' || lpad(n::text, 9, '0'), app, state, replace(steps, '"job":0', '"job":' || n),
      next_step, keep, database, due_at
    from (select * from stepping.job where state = 'submitted' and gid not like '%copy-%' limit 1) original,
      generate_series(1, ${jobs - 1}) n`
}
