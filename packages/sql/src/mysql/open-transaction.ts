import { rawSql, sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { transactionUnusable } from '../transaction-errors.ts'
import { now } from './clock.ts'

/**
 * Only MariaDB reads what stands in this kind of comment, and only it can tell in a statement
 * whether a transaction is open. A deadlock whose error was swallowed ends the transaction; an
 * insert after it would commit by itself, and outlive the ROLLBACK.
 */
const inTransaction = rawSql('/*M! and @@in_transaction = 1 */')

/**
 * Neither product has a name for a transaction. What lives and dies with one is a row that it wrote:
 * this one looks like a `once` row of a job that is over, and is cleaned away as those are.
 */
export async function markOpen(execute: Execute, token: string, tables: Tables): Promise<void> {
  const { affected } = await execute(sql`
    insert ignore into ${tables.once} (gid, step, \`key\`, key_hash, owner, over_at)
    select ${token}, ${noStep}, '', '', '', ${now} from dual where true ${inTransaction}`)
  if (affected === 1) return
  // It may be marked already, by a call that was followed by a failed prepare.
  const { rows } = await execute(sql`select ${isOpen(token, tables)} as open`)
  if (Number(rows[0]?.['open']) !== 1) throw transactionUnusable('none is open on this connection')
}

const noStep = -1

/**
 * In MySQL, whoever runs the statements has to ask for the state of the connection before each.
 *
 * At REPEATABLE READ an insert locks what it reads: by the whole primary key, the marker alone. By
 * another index it would be what lies before it as well, and others would wait to insert there.
 */
export function isOpen(token: string | undefined, { once }: Tables): Statement {
  if (token === undefined) return sql`(true ${inTransaction})`
  return sql`(exists (
    select 1 from ${once} m
    where m.gid = ${token} and m.step = ${noStep} and m.key_hash = '' and m.owner = ''
  ) ${inTransaction})`
}
