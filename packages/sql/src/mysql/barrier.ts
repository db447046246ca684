import type { BarrierKey } from '@stepping/core'
import type { Inserted, NotInserted } from '../dialect.ts'
import { rawSql, sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { isBefore } from './clock.ts'

/** In the words of each: MySQL has no `nowait` after its older form, MariaDB not the newer one. */
const shareNowait = rawSql('/*M! lock in share mode nowait */ /*!80000 for share nowait */')

/**
 * `insert ignore`, which counts 1 or 0 whatever the client's flags, unlike `on duplicate key update`.
 * It would cut off what is too long; gids are checked, and the other values are constants. Why it
 * inserted nothing is asked afterwards.
 */
export async function insertBarrier(
  tables: Tables,
  execute: Execute,
  key: BarrierKey,
  open: Statement,
  reason: 'msg' | 'empty',
): Promise<Inserted | NotInserted> {
  const timely = isBefore(key.notAfter)
  const same = isSame(tables, key)
  const { affected } = await execute(sql`
    insert ignore into ${tables.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
    select 'msg', ${key.gid}, '00', 'msg', '01', ${reason} from dual
    where ${timely} and ${same} and ${open}`)
  if (affected === 1) return 'inserted'
  const { rows } = await execute(sql`select ${timely} as timely, ${same} as same, ${open} as open`)
  const row = rows[0]
  if (!isTrue(row?.['same'])) return 'changed'
  if (!isTrue(row?.['open'])) return 'lost'
  return isTrue(row?.['timely']) ? 'exists' : 'expired'
}

/** A locking read: at REPEATABLE READ another one would not see what was committed meanwhile. */
export function readReason(tables: Tables, gid: string): Statement {
  return sql`${selectReason(tables, gid)} lock in share mode`
}

/**
 * Reads first, and does not wait: the insert would wait for an open transaction until the server's
 * own timeout. Between the two a transaction may come in, and there a second has to do.
 */
export async function resolveBarrier(
  tables: Tables,
  execute: Execute,
  key: BarrierKey,
): Promise<'msg' | 'empty' | 'rollback' | 'expired' | 'changed'> {
  const timely = isBefore(key.notAfter)
  const { rows } = await execute(sql`select ${timely} as timely, ${isSame(tables, key)} as same`)
  if (!isTrue(rows[0]?.['same'])) return 'changed'
  if (!isTrue(rows[0]?.['timely'])) return 'expired'
  const found = await execute(sql`${selectReason(tables, key.gid)} ${shareNowait}`)
  if (found.rows[0]) {
    await flushLog(tables, execute)
    return reasonOf(key, found.rows[0]['reason'])
  }
  await execute(
    sql`set @stepping_wait = @@innodb_lock_wait_timeout, @@session.innodb_lock_wait_timeout = 1`,
  )
  try {
    const { affected } = await execute(sql`
      insert ignore into ${tables.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
      select 'msg', ${key.gid}, '00', 'msg', '01', 'rollback' from dual where ${timely}`)
    if (affected === 1) return 'rollback'
    const decided = await execute(readReason(tables, key.gid))
    await flushLog(tables, execute)
    return reasonOf(key, decided.rows[0]?.['reason'])
  } finally {
    await execute(sql`set @@session.innodb_lock_wait_timeout = @stepping_wait`)
  }
}

/**
 * A commit can be seen by others a moment before it is on the disk. What this transaction writes
 * comes after it in the log, so that its own commit waits for both; nothing is left of it.
 */
async function flushLog({ barrier }: Tables, execute: Execute): Promise<void> {
  const gid = crypto.randomUUID()
  await execute(sql`insert into ${barrier} (gid, op, reason) values (${gid}, 'msg', 'rollback')`)
  await execute(sql`delete from ${barrier} where gid = ${gid}`)
}

function selectReason({ barrier }: Tables, gid: string): Statement {
  return sql`
    select reason from ${barrier}
    where gid = ${gid} and branch_id = '00' and op = 'msg' and barrier_id = '01'`
}

function isSame({ meta }: Tables, { identity }: BarrierKey): Statement {
  return sql`exists (select 1 from ${meta} where name = 'identity' and value = ${identity})`
}

function reasonOf({ gid }: BarrierKey, reason: unknown): 'msg' | 'empty' | 'rollback' {
  if (reason === 'msg' || reason === 'empty' || reason === 'rollback') return reason
  // A missing row must never be taken for an outcome.
  throw new Error(`the barrier of ${gid} answered ${JSON.stringify(reason)}`)
}

/** Drivers make numbers or texts of what these products have for booleans. */
function isTrue(value: unknown): boolean {
  return Number(value) === 1
}
