import { newQuery } from './query.ts'
import type { NamedQuery, PgQuery, PgQueryable, PgResult } from './query.ts'
import { statementName } from './statement-name.ts'

/** What node-postgres sends with; its types keep it internal. */
export interface Wire {
  readonly stream: { cork(): void; uncork(): void; destroy(): void }
  parse(message: { readonly text: string; readonly name?: string }): void
  bind(message: object): void
  close(message: { readonly type: 'S'; readonly name: string }): void
  execute(message: object): void
  sync(): void
  emit(event: 'readyForQuery', message: { readonly status: string }): boolean
}

/** The query that node-postgres makes of a config, with the parts of it that are replaced. */
export interface WireQuery extends PgQuery {
  queryMode?: 'extended'
  callback: (error: Error | null, result: PgResult) => void
  /** Writes itself. An error that it returns is what it is answered with. */
  submit(wire: Wire): Error | null | undefined
  /** The end of what it sends: its execution, and the sync that has the server answer. */
  _getRows(wire: Wire): void
  handleCommandComplete(message: { readonly text: string }, wire: Wire): void
  handleError(error: Error, wire: Wire): void
}

export function wireOf(client: PgQueryable): Wire {
  return (client as unknown as { readonly connection: Wire }).connection
}

/** @param end Replaces what comes last of what the query sends, after its parameters. */
export function wireQuery(
  client: PgQueryable,
  query: NamedQuery,
  end?: (wire: Wire) => void,
): WireQuery {
  const made = newQuery(client, query) as WireQuery
  if (!end) return made
  // oxlint-disable-next-line no-underscore-dangle -- the one place where node-postgres sends the sync
  made._getRows = end
  return made
}

export function submit(client: PgQueryable, query: WireQuery): void {
  const sender = client as { query(query: PgQuery): unknown }
  sender.query(query)
}

/** A statement without values. */
export function plain(text: string, prepare: boolean): NamedQuery {
  return prepare ? { text, values: [], name: statementName(text) } : { text, values: [] }
}
