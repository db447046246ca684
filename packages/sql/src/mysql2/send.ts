import type { SqlResult } from '../statement.ts'
import { coreOf } from './client.ts'
import type { Mysql2Connection } from './client.ts'

/** What the server answered, and in which state it said the connection is. */
export interface Answer extends SqlResult {
  /** Undefined with rows: mysql2 does not show it then. */
  readonly state: ConnectionState | undefined
}

export interface ConnectionState {
  readonly inTransaction: boolean
  readonly autocommit: boolean
}

/**
 * Instead of settings of the pool that would change what rows look like. No type cast is neither true nor false: older
 * versions read rows by the same code for both, whichever came first.
 */
const plainly = {
  rowsAsArray: false,
  nestTables: false,
  namedPlaceholders: false,
  typeCast: null as TypeCast | null,
  dateStrings: false,
  jsonStrings: false,
}

type TypeCast = (field: unknown, next: () => unknown) => unknown

/** Instead of a function of the pool's, which is called where a statement has none. It costs a call for each value. */
const castingNothing = { ...plainly, typeCast: ((_field, next) => next()) as TypeCast }

/**
 * As text, and not by `execute`: see `toLiteralText`. There is nothing left to escape in it.
 */
export async function send(connection: Mysql2Connection, text: string): Promise<Answer> {
  const casts = typeof coreOf(connection).config?.typeCast === 'function'
  const [answer] = await connection.query({ ...(casts ? castingNothing : plainly), sql: text })
  if (Array.isArray(answer)) {
    return {
      rows: (answer as Record<string, unknown>[]).map(withTexts),
      affected: 0,
      state: undefined,
    }
  }
  const { affectedRows, serverStatus } = answer as { affectedRows: number; serverStatus: number }
  return {
    rows: [],
    affected: affectedRows,
    state: {
      inTransaction: (serverStatus & 0b01) !== 0,
      autocommit: (serverStatus & 0b10) !== 0,
    },
  }
}

/** The state of a connection costs a trip to ask for. `do 0` begins no transaction and looks at no table. */
export async function askState(connection: Mysql2Connection): Promise<ConnectionState> {
  return (await send(connection, 'do 0')).state!
}

/**
 * Texts that may hold anything are selected as bytes, which no character set of the connection can
 * lose a character of.
 */
function withTexts(row: Record<string, unknown>): Record<string, unknown> {
  for (const name in row) {
    const value = row[name]
    if (value instanceof Uint8Array) row[name] = decoder.decode(value)
  }
  return row
}

const decoder = new TextDecoder()
