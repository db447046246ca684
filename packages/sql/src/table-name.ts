import { SteppingError } from '@stepping/core'
import { rawSql } from './statement.ts'
import type { Statement } from './statement.ts'

/** The tables of this library in one database. */
export interface Tables {
  /** The schema, or the prefix where a database has no schemas: what keeps two sets of tables apart. */
  readonly namespace: string
  /** For messages: `in the schema "stepping"`, `with the prefix "stepping_"`. */
  readonly label: string
  readonly barrier: Statement
  /** The barrier is a table of DTM's own clients: `migrate` makes it only where it is missing, and its rows are not ours to delete. */
  readonly isBarrierShared: boolean
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
export function schemaTables(schema: string = 'stepping', barrier?: string): Tables {
  // 63 bytes is where PostgreSQL cuts an identifier off, silently.
  assertIdentifier('schema name', schema, 63)
  const tables = tablesOf(schema, `in the schema "${schema}"`, (name) => `"${schema}"."${name}"`)
  return withBarrier(tables, (identifier) => `"${identifier}"`, barrier)
}

/**
 * Table names that begin with a prefix, for databases without schemas.
 *
 * @throws SteppingError `DATABASE_INVALID` for a prefix that is not a plain identifier.
 */
export function prefixTables(
  quote: (identifier: string) => string,
  prefix: string = 'stepping_',
  barrier?: string,
): Tables {
  assertIdentifier('table prefix', prefix, 40)
  const tables = tablesOf(prefix, `with the prefix "${prefix}"`, (name) =>
    quote(`${prefix}${name}`),
  )
  return withBarrier(tables, quote, barrier)
}

/** With the barrier in a table of another name: `dtm_barrier.barrier`. */
function withBarrier(
  tables: Tables,
  quote: (identifier: string) => string,
  barrier: string | undefined,
): Tables {
  if (barrier === undefined) return tables
  const parts = barrier.split('.')
  // Without its schema or database a search path could lead an insert and a read apart.
  if (parts.length !== 2) {
    throw new SteppingError(
      'DATABASE_INVALID',
      `The barrier table ${JSON.stringify(barrier)} is not usable: name its schema or database, too, as in dtm_barrier.barrier.`,
    )
  }
  for (const part of parts) assertIdentifier('part of the barrier table’s name', part, 63)
  return { ...tables, barrier: rawSql(parts.map(quote).join('.')), isBarrierShared: true }
}

function tablesOf(namespace: string, label: string, quoted: (name: string) => string): Tables {
  const table = (name: string): Statement => rawSql(quoted(name))
  return {
    namespace,
    label,
    barrier: table('barrier'),
    isBarrierShared: false,
    once: table('once'),
    meta: table('meta'),
    table,
  }
}

function assertIdentifier(what: string, name: string, longest: number): void {
  if (new RegExp(`^[a-z_][a-z0-9_]{0,${longest - 1}}$`).test(name)) return
  throw new SteppingError(
    'DATABASE_INVALID',
    `The ${what} ${JSON.stringify(name)} is not usable: take lower-case letters, digits and '_', at most ${longest}.`,
  )
}
