import type { BarrierKey } from '@stepping/core'
import type { Inserted, NotInserted } from '../dialect.ts'
import { sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { clock } from './clock.ts'

/** There is one writer at a time: whoever gets here sees every row that was committed before. */
export async function insertBarrier(
  { barrier, meta }: Tables,
  execute: Execute,
  { gid, notAfter, identity }: BarrierKey,
  open: Statement,
  reason: 'msg' | 'empty',
): Promise<Inserted | NotInserted> {
  const timely = sql`${clock} < ${notAfter}`
  const same = isIdentity(meta, identity)
  const { rows } = await execute(sql`
    insert into ${barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
    select 'msg', ${gid}, '00', 'msg', '01', ${reason} where ${timely} and ${open} and ${same}
    on conflict (gid, branch_id, op, barrier_id) do nothing
    returning reason`)
  if (rows[0]) return 'inserted'
  const why = await execute(sql`select ${same} as same, ${open} as open, ${timely} as timely`)
  const found = why.rows[0]
  if (Number(found?.['same']) !== 1) return 'changed'
  if (Number(found?.['open']) !== 1) return 'lost'
  return Number(found?.['timely']) === 1 ? 'exists' : 'expired'
}

export function readReason({ barrier }: Tables, gid: string): Statement {
  return sql`
    select reason from ${barrier}
    where gid = ${gid} and branch_id = '00' and op = 'msg' and barrier_id = '01'`
}

/**
 * One statement decides: it needs no transaction around it. `do update` and not `do nothing`: it
 * returns the row it meets, and writes, so that its own commit syncs the row it answers from.
 */
export async function resolveBarrier(
  { barrier, meta }: Tables,
  execute: Execute,
  { gid, notAfter, identity }: BarrierKey,
): Promise<'msg' | 'empty' | 'rollback' | 'expired' | 'changed'> {
  const timely = sql`${clock} < ${notAfter}`
  const same = isIdentity(meta, identity)
  const { rows } = await execute(sql`
    insert into ${barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
    select 'msg', ${gid}, '00', 'msg', '01', 'rollback' where ${timely} and ${same}
    on conflict (gid, branch_id, op, barrier_id) do update set reason = reason
    returning reason`)
  const reason = rows[0]?.['reason']
  if (reason === 'msg' || reason === 'empty' || reason === 'rollback') return reason
  const why = await execute(sql`select ${same} as same, ${timely} as timely`)
  const found = why.rows[0]
  if (Number(found?.['same']) !== 1) return 'changed'
  if (Number(found?.['timely']) !== 1) return 'expired'
  // A missing row must never be taken for an outcome.
  throw new Error(`the barrier of ${gid} answered ${JSON.stringify(reason)}`)
}

function isIdentity(meta: Statement, identity: string): Statement {
  return sql`exists (select 1 from ${meta} where name = 'identity' and value = ${identity})`
}
