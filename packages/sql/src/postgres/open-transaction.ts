import { SteppingError } from '@stepping/core'
import { rawSql, sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import { errorCode } from './errors.ts'

/**
 * A setting that lives and dies with the transaction: sent after its end, it holds for its own
 * statement only.
 */
export async function markOpen(execute: Execute, token: string): Promise<void> {
  try {
    await execute(sql`select set_config('stepping.open', ${token}::text, true)`)
  } catch (error) {
    if (errorCode(error) !== '25P02') throw error
    throw new SteppingError(
      'TRANSACTION_UNUSABLE',
      'This transaction cannot be used: a statement in it failed, so it can only be rolled back.',
      { cause: error },
    )
  }
}

export function isOpen(token: string | undefined): Statement {
  if (token === undefined) return rawSql('true')
  return sql`coalesce(current_setting('stepping.open', true) = ${token}::text, false)`
}
