import { rawSql, sql } from '../statement.ts'
import type { SqlValue, Statement } from '../statement.ts'

/**
 * The statement with its values in its text. They have to be safe whatever the session is set to:
 * with `NO_BACKSLASH_ESCAPES` a driver's own escaping lets a value end its string, and a connection
 * in another character set changes what it cannot write. So a string is plain printable ASCII
 * without quotes and backslashes, or else the hexadecimal of its UTF-8.
 *
 * Prepared statements would do as well, but the server allows only so many of all its clients
 * together (`max_prepared_stmt_count`), and lists of any length make ever new ones.
 */
export function toLiteralText({ strings, values }: Statement): string {
  return strings.reduce((text, part, i) => `${text}${literal(values[i - 1]!)}${part}`)
}

/** `(a, b, c)` of a condition `in`. */
export function list(values: readonly SqlValue[]): Statement {
  if (values.length === 0) return rawSql('(null)')
  return sql`(${spliced(values, ', ')})`
}

/** `(a, b), (c, d)`: at least one row. */
export function rows(values: readonly (readonly SqlValue[])[]): Statement {
  const before = values.flatMap((row, at) => [
    at === 0 ? '(' : '), (',
    ...row.slice(1).map(() => ', '),
  ])
  return fromTexts([...before, ')'], values.flat())
}

/**
 * A table `these` with a column `id`, to be joined with one of ours by its primary key. What
 * `in (...)` names, MariaDB looks for in the whole table if that is small, also where the index is
 * forced; a deletion then waits for the rows of every transaction that is open.
 */
export function idTable(ids: readonly Statement[]): Statement {
  return sql`(${join(
    ids.map((id) => sql`select ${id} as id`),
    ' union all ',
  )}) these`
}

/** The same of gids, as their columns are: of another character set they would find no index. */
export function gidTable(gids: readonly string[]): Statement {
  return idTable(gids.map((gid) => sql`convert(${gid} using ascii) collate ascii_bin`))
}

/** At least one statement, with this text between. */
export function join(statements: readonly Statement[], between: string = ' '): Statement {
  return spliced(statements, between)
}

/** In one go: hundreds, each copied into what is there so far, take longer than the server does. */
function spliced(parts: readonly (SqlValue | Statement)[], between: string): Statement {
  return fromTexts([...parts.map((_, at) => (at === 0 ? '' : between)), ''], parts)
}

function fromTexts(texts: string[], parts: readonly (SqlValue | Statement)[]): Statement {
  return sql(Object.assign(texts, { raw: texts }), ...parts)
}

function literal(value: SqlValue): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'string') return textLiteral(value)
  if (Number.isFinite(value)) return String(value)
  throw new Error(`${value} cannot be written in a statement`)
}

function textLiteral(text: string): string {
  if (/^[ !"#$%&(-[\]-~]+$/.test(text)) return `'${text}'`
  let hex = ''
  for (const byte of new TextEncoder().encode(text)) hex += hexOf[byte]!
  return `_utf8mb4 x'${hex}'`
}

const hexOf: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)
