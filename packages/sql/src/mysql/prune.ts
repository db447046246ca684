import { barrierRetentionMs, onceRetentionMs } from '@stepping/core'
import { rawSql, sql } from '../statement.ts'
import type { Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { now, nowPlus } from './clock.ts'
import { idTable, list } from './literal.ts'

/*
 * None of these waits for the rows of a transaction that is open. For that the indexes are named, and
 * what is deleted is joined to them: a small table would else be read whole.
 */

/** By id, which grows with the time of insertion, so no index on the time is needed. */
export function listBarrier({ barrier }: Tables, afterId: string, limit: number): Statement {
  return sql`
    select cast(b.id as char) as id, gid, reason, create_time < ${nowPlus(-barrierRetentionMs)} as old
    from ${barrier} b where b.id > ${number(afterId)} order by b.id limit ${limit}`
}

export function deleteBarrier({ barrier }: Tables, ids: readonly string[]): Statement {
  return sql`
    delete b from ${idTable(ids.map(number))}
    straight_join ${barrier} b force index (primary) on b.id = these.id`
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
    update ${once} force index (primary) set over_at = ${now}
    where over_at is null and owner = ${owner} and gid in ${list(gids)}`
}

/**
 * The search locks what it reads, and with it the first row behind those that are past: the marker
 * of a transaction that is open may be that one.
 */
export function deleteOnceOver({ once }: Tables, limit: number): Statement {
  return sql`
    delete o from (
      select gid, step, key_hash, owner from ${once} force index (once_over)
      where over_at < ${nowPlus(-onceRetentionMs)} order by over_at limit ${limit}
      for update skip locked
    ) past straight_join ${once} o force index (primary)
      on o.gid = past.gid and o.step = past.step and o.key_hash = past.key_hash and o.owner = past.owner`
}

/** As a number of any size: compared as a text it would not find the index. */
function number(id: string): Statement {
  return rawSql(`${BigInt(id)}`)
}
