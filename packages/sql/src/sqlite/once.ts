import type { OnceKey } from '@stepping/core'
import type { Inserted } from '../dialect.ts'
import { sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { clock } from './clock.ts'

/** Another attempt that holds the key in an open transaction was waited for when this one began. */
export async function takeOnce(
  { once }: Tables,
  execute: Execute,
  { gid, index, key, owner, notAfter }: OnceKey,
): Promise<Inserted> {
  const timely = sql`${clock} < ${notAfter}`
  const { rows } = await execute(sql`
    insert into ${once} (gid, step, key, owner)
    select ${gid}, ${index}, ${key}, ${owner} where ${timely}
    on conflict (gid, step, key, owner) do nothing
    returning gid`)
  if (rows[0]) return 'inserted'
  const why = await execute(sql`select ${timely} as timely`)
  return Number(why.rows[0]?.['timely']) === 1 ? 'exists' : 'expired'
}

export function readOnce({ once }: Tables, { gid, index, key, owner }: OnceKey): Statement {
  return sql`
    select value from ${once}
    where gid = ${gid} and step = ${index} and key = ${key} and owner = ${owner}`
}

export function storeOnce(
  { once }: Tables,
  { gid, index, key, owner }: OnceKey,
  value: string,
  was?: string,
): Statement {
  const is = was === undefined ? sql`` : sql` and value = ${was}`
  return sql`
    update ${once} set value = ${value}
    where gid = ${gid} and step = ${index} and key = ${key} and owner = ${owner}${is}`
}
