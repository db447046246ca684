import { sql } from '@stepping/sql'
import type { MigrationSet } from '@stepping/sql'

export const migrations: MigrationSet = {
  component: 'self-tm',
  migrations: [
    {
      version: 1,
      statements: ({ table }) => [
        // The table keeps the pages that it once had, and has more than a few from the beginning: a plan
        // that a connection makes of a prepared statement while there are no jobs would else read all of
        // a small table, once for each job of a batch, and go on so when a million wait in it, until it is
        // analysed.
        sql`
create table ${table('job')} (
  gid text collate "C" primary key,
  app text not null,
  state text not null,
  steps text not null,
  next_step text,
  cursor int not null default 0,
  attempts int not null default 0,
  due_at timestamptz not null,
  lease_owner text,
  lease_token int not null default 0,
  lease_until timestamptz,
  retry_now boolean not null default false,
  keep boolean not null,
  database text,
  last_error text,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz
) with (fillfactor = 10, vacuum_truncate = off)`,
        sql`
insert into ${table('job')} (gid, app, state, steps, due_at, keep)
select n, '', '', repeat('a row for each page', 50), now(), false from generate_series(1, 64) n`,
        sql`
delete from ${table('job')}`,
        // Claims and completions touch no indexed column, so with room left in each page they are
        // heap-only updates: no index entry, little to vacuum.
        sql`
alter table ${table('job')} set (fillfactor = 50)`,
        sql`
create index job_due on ${table('job')} (app, due_at) where state in ('prepared', 'submitted')`,
        // Apart from job_due, where parked jobs would stand at the front of every claim.
        sql`
create index job_parked on ${table('job')} (app) where state = 'parked'`,
        sql`
create index job_finished on ${table('job')} (finished_at) where finished_at is not null`,
        sql`
create table ${table('history')} (
  gid text collate "C" primary key,
  app text not null,
  state text not null,
  steps text not null,
  last_error text,
  created_at timestamptz not null,
  finished_at timestamptz not null
)`,
        sql`
create index history_finished on ${table('history')} (finished_at)`,
      ],
    },
  ],
}
