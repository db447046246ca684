import { sql, sqliteClock } from '@stepping/sql'
import type { Statement } from '@stepping/sql'

/** A time so long from now; null where there is none. */
export function after(ms: number | null): Statement {
  return sql`${sqliteClock} + cast(${ms} as integer)`
}
