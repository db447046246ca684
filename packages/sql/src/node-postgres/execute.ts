import { numbered, toText } from '../statement.ts'
import type { SqlResult, Statement } from '../statement.ts'
import { plainTypes } from './plain-types.ts'
import { statementName } from './statement-name.ts'

export interface PrepareOption {
  /**
   * Lets each connection of node-postgres prepare this library's statements once, which saves the
   * server much of its work. Default false: a pooler in transaction mode has to support it (PgBouncer
   * since 1.21).
   */
  readonly prepare?: boolean
}

/** A statement; with a name, one that each connection prepares once. */
export interface NamedQuery {
  readonly text: string
  readonly values: unknown[]
  readonly name?: string
}

/** A pool, or a client of one. */
export interface PgQueryable {
  query(config: NamedQuery & { readonly types: typeof plainTypes }): Promise<{
    readonly rows: Record<string, unknown>[]
    readonly rowCount: number | null
  }>
}

export function namedQuery(statement: Statement, prepare: boolean): NamedQuery {
  const text = toText(statement, numbered)
  const values = [...statement.values]
  return prepare && values.length > 0
    ? { text, values, name: statementName(text) }
    : { text, values }
}

export async function execute(
  on: PgQueryable,
  statement: Statement,
  prepare: boolean,
): Promise<SqlResult> {
  const { text, values, name } = namedQuery(statement, prepare)
  const named = name === undefined ? {} : { name }
  const { rows, rowCount } = await on.query({ text, values, types: plainTypes, ...named })
  return { rows, affected: rowCount ?? 0 }
}
