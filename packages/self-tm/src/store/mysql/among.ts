import { rawSql, sql } from '@stepping/sql'
import type { SqlValue, Statement } from '@stepping/sql'
import { join, rows } from '@stepping/sql/mysql'

/**
 * The row is one of these, of which there is at least one; the first column is its key.
 *
 * Each is looked up by that key. As conditions with `or` between them the server takes ten times as
 * long to read them as to find the rows; and a list of keys alone MariaDB makes a table of when it has
 * a thousand entries, and a deletion then reads ours from end to end. A single one is written out:
 * MySQL looks no list of one up.
 */
export function among(
  columns: readonly string[],
  those: readonly (readonly SqlValue[])[],
): Statement {
  if (those.length === 1) {
    const [only] = those
    const each = columns.map((column, at) => sql`${rawSql(column)} = ${only![at]!}`)
    return sql`(${join(each, ' and ')})`
  }
  return sql`(${rawSql(columns.join(', '))}) in (${rows(those)})`
}
