import { rawSql, sql } from '../statement.ts'
import type { Statement } from '../statement.ts'

/**
 * Now, in UTC, when the statement began. All times are stored so: a session's time zone, and an hour
 * that comes twice when summer time ends, change nothing.
 */
export const now: Statement = rawSql('utc_timestamp(3)')

/** A time as epoch milliseconds. */
export function epochMs(time: Statement): Statement {
  return sql`timestampdiff(microsecond, '1970-01-01', ${time}) div 1000`
}

/** Now and so many milliseconds; fewer than none for a time that is past. */
export function nowPlus(ms: number): Statement {
  return sql`${now} + interval ${Math.round(ms * 1_000)} microsecond`
}

/** Whether the database's clock is before this point in epoch milliseconds. */
export function isBefore(epochMilliseconds: number): Statement {
  return sql`${epochMs(now)} < ${epochMilliseconds}`
}
