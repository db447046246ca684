import { rawSql, sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { transactionUnusable } from '../transaction-errors.ts'

/**
 * Only MariaDB reads what stands in this kind of comment, and only it can tell in a statement
 * whether a transaction is open. A deadlock whose error was swallowed ends the transaction; an
 * insert after it would commit by itself, and outlive the ROLLBACK.
 */
const inTransaction = rawSql('/*M! and @@in_transaction = 1 */')

/**
 * Neither product has a name for a transaction. What lives and dies with one is a row that it wrote:
 * this one is a decided gid that nobody has, and is cleaned away by its age as all of those.
 */
export async function markOpen(execute: Execute, token: string, tables: Tables): Promise<void> {
  const { affected } = await execute(sql`
    insert ignore into ${tables.barrier} (trans_type, gid, branch_id, op, barrier_id, reason)
    select 'msg', ${token}, '00', 'msg', '01', 'rollback' from dual where true ${inTransaction}`)
  if (affected !== 1) throw transactionUnusable('none is open on this connection')
}

/** In MySQL, whoever runs the statements has to ask for the state of the connection before each. */
export function isOpen(token: string | undefined, { barrier }: Tables): Statement {
  if (token === undefined) return sql`(true ${inTransaction})`
  return sql`(exists (
    select 1 from ${barrier} m
    where m.gid = ${token} and m.branch_id = '00' and m.op = 'msg' and m.barrier_id = '01'
  ) ${inTransaction})`
}
