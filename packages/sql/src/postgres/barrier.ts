import type { BarrierKey } from '@stepping/core'
import type { BarrierRefusal, Inserted, NotInserted, SqlDialect } from '../dialect.ts'
import { rawSql, sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { durableCommit } from './durable.ts'
import { serverMessage } from './errors.ts'

/**
 * `on conflict do nothing`, because a unique violation would abort the user's transaction. It
 * waits for another transaction that holds the gid; a row which that one then commits is not in
 * this statement's snapshot, so what it says is read by a statement of its own.
 */
export async function insertBarrier(
  { barrier, meta }: Tables,
  execute: Execute,
  { gid, notAfter, identity }: BarrierKey,
  open: Statement,
  reason: 'msg' | 'empty',
): Promise<Inserted | NotInserted> {
  const { rows } = await execute(sql`
    with guard as materialized (
      select clock_timestamp() < to_timestamp(${notAfter}::float8 / 1000) as timely, ${open} as open, ${durableCommit} as durable,
        exists (select 1 from ${meta} where name = 'identity' and value = ${identity}::text) as same
    ), inserted as (
      insert into ${barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
      select 'msg', ${gid}::text, '00', 'msg', '01', ${reason}::text from guard where timely and open and same and durable is not null
      on conflict (gid, branch_id, op, barrier_id) do nothing
      returning 1
    )
    select timely, open, same, exists (select 1 from inserted) as inserted from guard`)
  const row = rows[0]
  if (row?.['inserted'] === true) return 'inserted'
  if (row?.['same'] !== true) return 'changed'
  if (row['open'] !== true) return 'lost'
  return row['timely'] === true ? 'exists' : 'expired'
}

/**
 * Fails wherever it must not commit, by a conversion that says why: a constraint might be missing, on a table that
 * somebody else made. `do update` sees a row that another transaction committed after this statement began.
 */
export const insertBarrierLast: NonNullable<SqlDialect['insertBarrierLast']> = {
  statement: ({ barrier, meta }, { gid, notAfter, identity }, reason) => sql`
    insert into ${barrier} as b (trans_type, gid, branch_id, op, barrier_id, reason)
    values ('msg', ${gid}, '00', 'msg', '01', case
      when not exists (select 1 from ${meta} where name = 'identity' and value = ${identity}) then ${failing('changed')}
      when ${durableCommit} is null or clock_timestamp() >= to_timestamp(${notAfter}::float8 / 1000) then ${failing('expired')}
      else ${reason}::text end)
    on conflict (gid, branch_id, op, barrier_id) do update set
      reason = case b.reason when 'rollback' then ${failing('decided')} else ${failing('exists')} end`,
  whyNot(error) {
    const said = serverMessage(error, '22P02')
    return /stepping: (\w+) \d/.exec(said ?? '')?.[1] as BarrierRefusal | undefined
  },
}

/** The time in it keeps the server from trying it beforehand. */
function failing(why: BarrierRefusal): Statement {
  return rawSql(`('stepping: ${why} ' || extract(epoch from clock_timestamp()))::int::text`)
}

export function readReason({ barrier }: Tables, gid: string): Statement {
  return sql`
    select reason from ${barrier}
    where gid = ${gid}::text and branch_id = '00' and op = 'msg' and barrier_id = '01'`
}

/**
 * `do update` and not `do nothing`: it locks the row it meets and returns it whatever the
 * snapshot, and its own commit flushes the log up to the row it answers from.
 */
export async function resolveBarrier(
  { barrier, meta }: Tables,
  execute: Execute,
  { gid, notAfter, identity }: BarrierKey,
): Promise<'msg' | 'empty' | 'rollback' | 'expired' | 'changed'> {
  await execute(sql`
    select set_config('lock_timeout', '100ms', true), set_config('statement_timeout', '2s', true), ${durableCommit}`)
  const { rows } = await execute(sql`
    with guard as materialized (
      select clock_timestamp() < to_timestamp(${notAfter}::float8 / 1000) as timely,
        exists (select 1 from ${meta} where name = 'identity' and value = ${identity}::text) as same
    ), decided as (
      insert into ${barrier} as b (trans_type, gid, branch_id, op, barrier_id, reason)
      select 'msg', ${gid}::text, '00', 'msg', '01', 'rollback' from guard where timely and same
      on conflict (gid, branch_id, op, barrier_id) do update set reason = b.reason
      returning reason
    )
    select timely, same, (select reason from decided) as reason from guard`)
  const row = rows[0]
  if (row?.['same'] !== true) return 'changed'
  if (row['timely'] !== true) return 'expired'
  const reason = row['reason']
  if (reason === 'msg' || reason === 'empty' || reason === 'rollback') return reason
  // A missing row must never be taken for an outcome.
  throw new Error(`the barrier of ${gid} answered ${JSON.stringify(reason)}`)
}
