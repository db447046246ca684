/** What every driver can bind. Times travel as epoch milliseconds, JSON as text with a cast. */
export type SqlValue = string | number | boolean | null

/**
 * A parameterised statement in the shape of a tagged template's arguments, which is what the query
 * builders of the libraries take: `strings.length === values.length + 1`.
 */
export interface Statement {
  readonly strings: TemplateStringsArray
  readonly values: readonly SqlValue[]
}

/** `rows` as the driver made them; `affected` as the server counted. */
export interface SqlResult {
  readonly rows: readonly Record<string, unknown>[]
  readonly affected: number
}

export type Execute = (statement: Statement) => Promise<SqlResult>

/**
 * Runs a statement as the last one of its transaction, which commits only if it succeeds. It may be
 * sent together with the COMMIT, after this has resolved. Of an error of it `explain` makes what this,
 * or else the transaction, rejects with.
 */
export type ExecuteLast = (
  statement: Statement,
  explain: (error: unknown) => unknown,
) => Promise<void>

/** Builds a statement. A value becomes a parameter; another statement is spliced in as text. */
export function sql(
  strings: TemplateStringsArray,
  ...parts: readonly (SqlValue | Statement)[]
): Statement {
  const texts = [strings[0]!]
  const values: SqlValue[] = []
  parts.forEach((part, i) => {
    if (typeof part === 'object' && part !== null) {
      texts[texts.length - 1] += part.strings[0]!
      texts.push(...part.strings.slice(1))
      values.push(...part.values)
      texts[texts.length - 1] += strings[i + 1]!
    } else {
      values.push(part)
      texts.push(strings[i + 1]!)
    }
  })
  return { strings: templateStrings(texts), values }
}

/** Text that goes into a statement as it is. Never anything from outside the code. */
export function rawSql(text: string): Statement {
  return { strings: templateStrings([text]), values: [] }
}

/** The statement with `$1`, `$2`, … (or `?`) where its parameters go. */
export function toText(statement: Statement, placeholder: (position: number) => string): string {
  return statement.strings.reduce((text, part, i) => text + placeholder(i) + part)
}

/** Some libraries check for the `raw` property that a real tagged template has. */
function templateStrings(texts: readonly string[]): TemplateStringsArray {
  return Object.assign([...texts], { raw: texts })
}
