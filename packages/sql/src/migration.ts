import { describeRef, migrateCall, SteppingError } from '@stepping/core'
import type { DatabaseRef } from '@stepping/core'
import type { SqlDialect } from './dialect.ts'
import { sql } from './statement.ts'
import type { Execute, Statement } from './statement.ts'
import type { Tables } from './table-name.ts'

/** One step of a schema's history. Never edited once it was released. */
export interface Migration {
  readonly version: number
  /** Statements without parameters, so that they can also be printed and run by hand. */
  statements(tables: Tables): readonly Statement[]
}

/** The tables of one component, each with a version of its own. */
export interface MigrationSet {
  readonly component: string
  readonly migrations: readonly Migration[]
}

/** The tables of this library in one of the app's databases. */
export interface TablesOf {
  readonly ref: DatabaseRef
  readonly tables: Tables
}

/** What `migrate` left in the database, by key: `identity`, and `version:<component>`. */
export type Meta = ReadonlyMap<string, string>

/** Applies what is missing of a set, in one transaction and under a lock: callers race safely. */
export async function applyMigrations(
  dialect: SqlDialect,
  database: TablesOf,
  set: MigrationSet,
  execute: Execute,
): Promise<void> {
  const { tables } = database
  await dialect.lockMigrations(tables, execute)
  try {
    if (!(await dialect.hasMeta(tables, execute))) {
      for (const statement of dialect.createMeta(tables)) await execute(statement)
    }
    const found = versionOf(await readMeta(tables, execute), set)
    if (found > latest(set)) throw schemaError('SCHEMA_NEWER', database, set, found)
    for (const statement of statementsAfter(dialect, tables, set, found)) await execute(statement)
  } finally {
    await dialect.unlockMigrations?.(tables, execute)
  }
}

/** The SQL of whole sets as text, for those who apply DDL themselves. Running it twice fails, as DDL does. */
export function printMigrations(
  dialect: SqlDialect,
  tables: Tables,
  sets: readonly MigrationSet[],
): string {
  const statements = [
    ...dialect.createMeta(tables),
    ...sets.flatMap((set) => statementsAfter(dialect, tables, set, 0)),
  ]
  return statements.map((statement) => `${statement.strings.join('').trim()};\n`).join('\n')
}

export async function readMeta(tables: Tables, execute: Execute): Promise<Meta> {
  const { rows } = await execute(sql`select name, value from ${tables.meta}`)
  return new Map(rows.map((row) => [String(row['name']), String(row['value'])]))
}

/** `SCHEMA_MISSING`, `SCHEMA_OLDER` or `SCHEMA_NEWER`, unless the versions are equal. */
export function versionError(
  meta: Meta,
  database: TablesOf,
  set: MigrationSet,
): SteppingError | undefined {
  const found = versionOf(meta, set)
  if (found === latest(set)) return undefined
  if (found === 0) return schemaError('SCHEMA_MISSING', database, set, found)
  return schemaError(found > latest(set) ? 'SCHEMA_NEWER' : 'SCHEMA_OLDER', database, set, found)
}

export function schemaError(
  code: 'SCHEMA_MISSING' | 'SCHEMA_NEWER' | 'SCHEMA_OLDER',
  { ref, tables }: TablesOf,
  set: MigrationSet,
  found: number,
): SteppingError {
  const place = `The tables of ${set.component} ${tables.label} of the database ${describeRef(ref)}`
  const migrate = migrateCall(ref, set.component)
  const texts = {
    SCHEMA_MISSING: `${place} do not exist: ${migrate}.`,
    SCHEMA_OLDER: `${place} have version ${found}, this code needs ${latest(set)}: ${migrate}.`,
    SCHEMA_NEWER: `${place} have version ${found}, this code knows only ${latest(set)}: deploy the newer code, or do not go back behind a migration.`,
  }
  return new SteppingError(code, texts[code])
}

function statementsAfter(
  dialect: SqlDialect,
  tables: Tables,
  set: MigrationSet,
  version: number,
): readonly Statement[] {
  const missing = set.migrations.filter((migration) => migration.version > version)
  if (missing.length === 0) return []
  return [
    ...missing.flatMap((migration) => migration.statements(tables)),
    dialect.writeVersion(tables, set.component, latest(set)),
  ]
}

function versionOf(meta: Meta, set: MigrationSet): number {
  return Number(meta.get(`version:${set.component}`) ?? 0)
}

function latest(set: MigrationSet): number {
  return set.migrations.at(-1)!.version
}
