import { rawSql } from '../statement.ts'
import type { Statement } from '../statement.ts'

/**
 * Nothing in SQL tells whether a transaction is open. Every adapter has to: what it sends through a
 * handle must not get to the database once the transaction of that handle is over, also when it was
 * called before. A driver that runs a statement in the turn of the call can look at its
 * connection's state right there.
 */
export async function markOpen(): Promise<void> {}

export function isOpen(): Statement {
  return rawSql('true')
}
