import { SteppingError } from '@stepping/core'
import { rawSql } from './statement.ts'
import type { Statement } from './statement.ts'

/** The tables of this library in one database. */
export interface Tables {
  readonly schema: string
  readonly barrier: Statement
  readonly once: Statement
  readonly meta: Statement
  /** A further table beside them, for example the self-TM's. */
  readonly table: (name: string) => Statement
}

/**
 * Table names of a PostgreSQL schema, quoted and always qualified, so that no search path can lead
 * an insert and a read to different tables.
 *
 * @throws SteppingError `DATABASE_INVALID` for a schema name that is not a plain identifier.
 */
export function postgresTables(schema: string): Tables {
  // 63 bytes is where PostgreSQL cuts an identifier off, silently.
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new SteppingError(
      'DATABASE_INVALID',
      `The schema name ${JSON.stringify(schema)} is not usable: take lower-case letters, digits and '_', at most 63.`,
    )
  }
  const table = (name: string): Statement => rawSql(`"${schema}"."${name}"`)
  return { schema, barrier: table('barrier'), once: table('once'), meta: table('meta'), table }
}
