import { sql } from '@stepping/sql'
import type { MigrationSet } from '@stepping/sql'
import { ascii, tableOptions } from '@stepping/sql/mysql'

export const migrations: MigrationSet = {
  component: 'self-tm',
  migrations: [
    {
      version: 1,
      statements: ({ table }) => [
        // There are no partial indexes: `waiting` comes before the time in job_due, so that parked and
        // finished jobs do not stand at the front of every claim.
        // In this row format a column of a fixed width takes its place also while it is null: a lease is
        // written over the row where it stands, and does not make it grow.
        sql`
create table if not exists ${table('job')} (
  gid varchar(128) ${ascii} not null primary key,
  app varchar(100) not null,
  state varchar(20) ${ascii} not null,
  steps longtext not null,
  next_step varchar(100) ${ascii},
  \`cursor\` int not null default 0,
  attempts int not null default 0,
  due_at datetime(3) not null,
  lease_owner char(20) ${ascii},
  lease_token int not null default 0,
  lease_until datetime(3),
  retry_now tinyint not null default 0,
  keep tinyint not null,
  \`database\` longtext,
  last_error longtext,
  created_at datetime(3) not null default (utc_timestamp(3)),
  finished_at datetime(3),
  waiting tinyint generated always as (state in ('prepared', 'submitted')) stored,
  key job_due (app, waiting, due_at),
  key job_state (state, app),
  key job_finished (finished_at)
) ${tableOptions} row_format=redundant`,
        sql`
create table if not exists ${table('history')} (
  gid varchar(128) ${ascii} not null primary key,
  app varchar(100) not null,
  state varchar(20) ${ascii} not null,
  steps longtext not null,
  last_error longtext,
  created_at datetime(3) not null,
  finished_at datetime(3) not null,
  key history_finished (finished_at)
) ${tableOptions}`,
      ],
    },
  ],
}
