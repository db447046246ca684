import { SteppingError } from '@stepping/core'
import type { MigrationSet } from '../migration.ts'
import { rawSql, sql } from '../statement.ts'
import type { TablesOptions } from '../sql-options.ts'
import type { Execute, Statement } from '../statement.ts'
import { prefixTables } from '../table-name.ts'
import type { Tables } from '../table-name.ts'
import { clock } from './clock.ts'

export const migrations: MigrationSet = {
  component: 'stepping',
  migrations: [
    {
      version: 1,
      statements: ({ barrier, once }) => [
        // DTM's own columns and unique key, so that its clients in other languages can use the table.
        sql`
create table ${barrier} (
  id integer primary key,
  trans_type text not null default '',
  gid text not null default '',
  branch_id text not null default '',
  op text not null default '',
  barrier_id text not null default '',
  reason text not null default '',
  create_time integer not null default (${clock}),
  update_time integer not null default (${clock}),
  unique (gid, branch_id, op, barrier_id)
)`,
        sql`
create table ${once} (
  gid text not null,
  step integer not null,
  key text not null,
  owner text not null,
  value text,
  created_at integer not null default (${clock}),
  over_at integer,
  primary key (gid, step, key, owner)
)`,
      ],
    },
  ],
}

export function tables({ prefix, barrier }: TablesOptions): Tables {
  if (barrier !== undefined) {
    throw new SteppingError(
      'DATABASE_INVALID',
      `The barrier table ${JSON.stringify(barrier)} is not usable: no client of DTM's has one in SQLite. Leave it out.`,
    )
  }
  return prefixTables((identifier) => `"${identifier}"`, prefix)
}

/** The transaction around it is the lock: it has taken the database's only write lock. */
export async function lockMigrations(): Promise<void> {}

export async function hasMeta({ namespace }: Tables, execute: Execute): Promise<boolean> {
  const { rows } = await execute(
    sql`select 1 from sqlite_master where type = 'table' and name = ${`${namespace}meta`}`,
  )
  return rows.length > 0
}

/** The identity is written once and tells this database from every other one of the same name. */
export function createMeta({ meta }: Tables): readonly Statement[] {
  return [
    sql`create table ${meta} (name text primary key, value text not null)`,
    sql`insert into ${meta} (name, value) values ('identity', lower(hex(randomblob(16))))`,
  ]
}

export function writeVersion({ meta }: Tables, component: string, version: number): Statement {
  return sql`
insert into ${meta} (name, value) values (${rawSql(`'version:${component}', '${version}'`)})
on conflict (name) do update set value = excluded.value`
}

export function readClock(): Statement {
  return sql`select ${clock} as now`
}

/** The file, as its full path; none for a database in memory, which is nobody else's place. */
export function readPlace(): Statement {
  return sql`select file as place from pragma_database_list where name = 'main' and file <> ''`
}
