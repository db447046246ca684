import { barrierRetentionMs, onceRetentionMs } from '@stepping/core'
import { rawSql, sql } from '../statement.ts'
import type { Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { now, nowPlus } from './clock.ts'
import { join, list } from './literal.ts'

/*
 * The indexes are named: a small table would be read whole, and wait for the rows of every
 * transaction that is open.
 */

/** By id, which grows with the time of insertion, so no index on the time is needed. */
export function listBarrier({ barrier }: Tables, afterId: string, limit: number): Statement {
  return sql`
    select cast(b.id as char) as id, gid, reason, create_time < ${nowPlus(-barrierRetentionMs)} as old
    from ${barrier} b where b.id > ${number(afterId)} order by b.id limit ${limit}`
}

export function deleteBarrier({ barrier }: Tables, ids: readonly string[]): Statement {
  return sql`
    delete b from ${barrier} b force index (primary) where b.id in (${join(ids.map(number), ', ')})`
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
    update ${once} force index (uniq_once) set over_at = ${now}
    where over_at is null and owner = ${owner} and gid in ${list(gids)}`
}

export function deleteOnceOver({ once }: Tables, limit: number): Statement {
  return sql`
    delete o from (
      select id from ${once} force index (once_over)
      where over_at < ${nowPlus(-onceRetentionMs)} order by over_at limit ${limit}
    ) past straight_join ${once} o force index (primary) on o.id = past.id`
}

/** As a number of any size: compared as a text it would not find the index. */
function number(id: string): Statement {
  return rawSql(`${BigInt(id)}`)
}
