import { barrierRetentionMs, onceRetentionMs } from '@stepping/core'
import { sql } from '../statement.ts'
import type { Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'

/**
 * By id, which grows with the time of insertion, so no index on the time is needed. By `b.id`: `id`
 * alone would be the text that is selected, and '10' comes before '9'.
 */
export function listBarrier({ barrier }: Tables, afterId: string, limit: number): Statement {
  return sql`
    select b.id::text as id, gid, reason,
      create_time < clock_timestamp() - ${barrierRetentionMs}::float8 * interval '1 ms' as old
    from ${barrier} b where b.id > ${afterId}::bigint order by b.id limit ${limit}::int`
}

export function deleteBarrier({ barrier }: Tables, ids: readonly string[]): Statement {
  return sql`
    delete from ${barrier}
    where id in (select json_array_elements_text(${JSON.stringify(ids)}::text::json)::bigint)`
}

export function listOnce(
  { once }: Tables,
  owner: string,
  afterGid: string,
  limit: number,
): Statement {
  return sql`
    select distinct gid from ${once}
    where gid > ${afterGid}::text and owner = ${owner}::text and over_at is null order by gid limit ${limit}::int`
}

export function markOnceOver({ once }: Tables, owner: string, gids: readonly string[]): Statement {
  return sql`
    update ${once} set over_at = clock_timestamp()
    where over_at is null and owner = ${owner}::text
      and gid in (select json_array_elements_text(${JSON.stringify(gids)}::text::json))`
}

export function deleteOnceOver({ once }: Tables, limit: number): Statement {
  return sql`
    delete from ${once} where (gid, step, key, owner) in (
      select gid, step, key, owner from ${once}
      where over_at < clock_timestamp() - ${onceRetentionMs}::float8 * interval '1 ms'
      limit ${limit}::int)`
}
