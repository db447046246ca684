import { SteppingError } from '@stepping/core'
import type { MigrationSet } from '../migration.ts'
import { rawSql, sql } from '../statement.ts'
import type { TablesOptions } from '../sql-options.ts'
import type { Execute, Statement } from '../statement.ts'
import { prefixTables } from '../table-name.ts'
import type { Tables } from '../table-name.ts'
import { epochMs, now } from './clock.ts'

/** What ends each `create table`: neither the server's default engine nor its collation will do. */
export const tableOptions: Statement = rawSql(
  'engine=InnoDB default character set utf8mb4 collate utf8mb4_bin',
)

/** For gids and words of this library's own: compared byte for byte, and one byte each in an index. */
export const ascii: Statement = rawSql('character set ascii collate ascii_bin')

/**
 * DDL commits by itself, so that a migration which fails in the middle leaves what it did. Each can
 * be run again.
 */
export const migrations: MigrationSet = {
  component: 'stepping',
  migrations: [
    {
      version: 1,
      statements: ({ barrier, once }) => [
        // DTM's own columns and unique key, so that its clients in other languages can use the table.
        sql`
create table if not exists ${barrier} (
  id bigint not null auto_increment primary key,
  trans_type varchar(45) ${ascii} not null default '',
  gid varchar(128) ${ascii} not null default '',
  branch_id varchar(128) ${ascii} not null default '',
  op varchar(45) ${ascii} not null default '',
  barrier_id varchar(45) ${ascii} not null default '',
  reason varchar(45) ${ascii} not null default '',
  create_time datetime(3) not null default (utc_timestamp(3)),
  update_time datetime(3) not null default (utc_timestamp(3)),
  unique key uniq_barrier (gid, branch_id, op, barrier_id)
) ${tableOptions}`,
        sql`
create table if not exists ${once} (
  gid varchar(128) ${ascii} not null,
  step int not null,
  \`key\` longtext not null,
  key_hash char(64) ${ascii} not null,
  owner varchar(300) not null,
  value longtext,
  created_at datetime(3) not null default (utc_timestamp(3)),
  over_at datetime(3),
  primary key (gid, step, key_hash, owner),
  key once_over (over_at)
) ${tableOptions}`,
      ],
    },
  ],
}

export function tables({ prefix, barrier }: TablesOptions): Tables {
  return prefixTables((identifier) => `\`${identifier}\``, prefix, barrier)
}

/**
 * A lock of the session, which the commit that comes with each DDL does not end. Named by a hash,
 * because a name has 64 characters at most; one for each database and prefix.
 */
export async function lockMigrations({ namespace }: Tables, execute: Execute): Promise<void> {
  const { rows } = await execute(
    sql`select get_lock(${lockName(namespace)}, ${lockSeconds}) as locked`,
  )
  if (Number(rows[0]?.['locked']) === 1) return
  throw new SteppingError(
    'DATABASE_UNREACHABLE',
    `Another process has been migrating the tables with the prefix "${namespace}" for ${lockSeconds} s. Wait for it, or end it, and call migrate() again.`,
  )
}

export async function unlockMigrations({ namespace }: Tables, execute: Execute): Promise<void> {
  await execute(sql`do release_lock(${lockName(namespace)})`)
}

const lockSeconds = 300

function lockName(namespace: string): Statement {
  return sql`concat('stepping:', md5(concat(database(), ':', ${namespace})))`
}

/** With its identity: whoever died between the two left a table without one. */
export async function hasMeta({ namespace, meta }: Tables, execute: Execute): Promise<boolean> {
  const { rows } = await execute(sql`
    select 1 from information_schema.tables
    where table_schema = database() and table_name = ${`${namespace}meta`}`)
  if (rows.length === 0) return false
  const identity = await execute(sql`select 1 from ${meta} where name = 'identity'`)
  return identity.rows.length > 0
}

/** The identity is written once and tells this database from every other one of the same name. */
export function createMeta({ meta }: Tables): readonly Statement[] {
  return [
    sql`
create table if not exists ${meta} (
  name varchar(100) ${ascii} not null primary key,
  value varchar(255) not null
) ${tableOptions}`,
    sql`insert into ${meta} (name, value) values ('identity', uuid())`,
  ]
}

export function writeVersion({ meta }: Tables, component: string, version: number): Statement {
  return sql`
replace into ${meta} (name, value) values (${rawSql(`'version:${component}', '${version}'`)})`
}

export function readClock(): Statement {
  return sql`select ${epochMs(now)} as now`
}

/**
 * The identity of the server, where its data are, and the database in it. Older versions of MariaDB
 * have no identity, and a variable that is not there would be an error.
 */
export function readPlace(): Statement {
  return sql`
    select concat_ws('/',
      /*M! (select variable_value from information_schema.global_variables where variable_name = 'server_uid'), */
      /*!80000 @@server_uuid, */
      @@hostname, @@port, @@datadir, database()) as place`
}
