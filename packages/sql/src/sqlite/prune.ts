import { barrierRetentionMs, onceRetentionMs } from '@stepping/core'
import { sql } from '../statement.ts'
import type { Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { clock } from './clock.ts'

/** By id, which grows with the time of insertion, so no index on the time is needed. */
export function listBarrier({ barrier }: Tables, afterId: string, limit: number): Statement {
  return sql`
    select cast(b.id as text) as id, gid, reason, create_time < ${clock} - ${barrierRetentionMs} as old
    from ${barrier} b where b.id > cast(${afterId} as integer) order by b.id limit ${limit}`
}

export function deleteBarrier({ barrier }: Tables, ids: readonly string[]): Statement {
  return sql`
    delete from ${barrier}
    where id in (select cast(value as integer) from json_each(${JSON.stringify(ids)}))`
}

export function listOnce(
  { once }: Tables,
  owner: string,
  afterGid: string,
  limit: number,
): Statement {
  return sql`
    select distinct gid from ${once}
    where gid > ${afterGid} and owner = ${owner} and over_at is null order by gid limit ${limit}`
}

export function markOnceOver({ once }: Tables, owner: string, gids: readonly string[]): Statement {
  return sql`
    update ${once} set over_at = ${clock}
    where over_at is null and owner = ${owner}
      and gid in (select value from json_each(${JSON.stringify(gids)}))`
}

export function deleteOnceOver({ once }: Tables, limit: number): Statement {
  return sql`
    delete from ${once} where (gid, step, key, owner) in (
      select gid, step, key, owner from ${once}
      where over_at < ${clock} - ${onceRetentionMs} limit ${limit})`
}
