import { sql, sqliteClock as clock } from '@stepping/sql'
import type { MigrationSet } from '@stepping/sql'

export const migrations: MigrationSet = {
  component: 'self-tm',
  migrations: [
    {
      version: 1,
      statements: ({ table }) => [
        sql`
create table ${table('job')} (
  gid text primary key not null,
  app text not null,
  state text not null,
  steps text not null,
  next_step text,
  cursor integer not null default 0,
  attempts integer not null default 0,
  due_at integer not null,
  lease_owner text,
  lease_token integer not null default 0,
  lease_until integer,
  retry_now integer not null default 0,
  keep integer not null,
  database text,
  last_error text,
  created_at integer not null default (${clock}),
  finished_at integer
)`,
        sql`
create index ${table('job_due')} on ${table('job')} (app, due_at) where state in ('prepared', 'submitted')`,
        // Apart from job_due, where parked jobs would stand at the front of every claim.
        sql`
create index ${table('job_parked')} on ${table('job')} (app) where state = 'parked'`,
        sql`
create index ${table('job_finished')} on ${table('job')} (finished_at) where finished_at is not null`,
        sql`
create table ${table('history')} (
  gid text primary key not null,
  app text not null,
  state text not null,
  steps text not null,
  last_error text,
  created_at integer not null,
  finished_at integer not null
)`,
        sql`
create index ${table('history_finished')} on ${table('history')} (finished_at)`,
      ],
    },
  ],
}
