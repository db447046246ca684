import type { OnceKey } from '@stepping/core'
import type { Inserted } from '../dialect.ts'
import { sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { durableCommit } from './durable.ts'

/** Waits for another attempt that holds the key in an open transaction: one of the two has the effect. */
export async function takeOnce(
  { once }: Tables,
  execute: Execute,
  { gid, index, key, owner, notAfter }: OnceKey,
): Promise<Inserted> {
  const { rows } = await execute(sql`
    with guard as materialized (
      select clock_timestamp() < to_timestamp(${notAfter}::float8 / 1000) as timely, ${durableCommit} as durable
    ), inserted as (
      insert into ${once} (gid, step, key, owner)
      select ${gid}::text, ${index}::int, ${key}::text, ${owner}::text from guard where timely and durable is not null
      on conflict (gid, step, key, owner) do nothing
      returning 1
    )
    select timely, exists (select 1 from inserted) as inserted from guard`)
  if (rows[0]?.['inserted'] === true) return 'inserted'
  return rows[0]?.['timely'] === true ? 'exists' : 'expired'
}

export function readOnce({ once }: Tables, { gid, index, key, owner }: OnceKey): Statement {
  return sql`
    select value from ${once}
    where gid = ${gid}::text and step = ${index}::int and key = ${key}::text and owner = ${owner}::text`
}

export function storeOnce(
  { once }: Tables,
  { gid, index, key, owner }: OnceKey,
  value: string,
  was?: string,
): Statement {
  const is = was === undefined ? sql`` : sql` and value = ${was}::text`
  return sql`
    update ${once} set value = ${value}::text
    where gid = ${gid}::text and step = ${index}::int and key = ${key}::text and owner = ${owner}::text${is}`
}
