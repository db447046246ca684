import { describe, expect, test } from 'vitest'
import { applyMigrations, printMigrations, versionError } from './migration.ts'
import type { MigrationSet } from './migration.ts'
import { postgres } from './postgres/index.ts'
import { rawSql, toText } from './statement.ts'
import type { Execute } from './statement.ts'
import { schemaTables } from './table-name.ts'

const database = { ref: { name: 'orders' }, tables: schemaTables('stepping') }

function set(...versions: number[]): MigrationSet {
  return {
    component: 'extra',
    migrations: versions.map((version) => ({
      version,
      statements: () => [rawSql(`migration ${version}`)],
    })),
  }
}

/** A database with this content of its meta table (undefined: there is none), and what it is sent. */
function fakeDatabase(meta: Record<string, string> | undefined): {
  execute: Execute
  sent: string[]
} {
  const sent: string[] = []
  const execute: Execute = async (statement) => {
    const text = toText(statement, () => '?').trim()
    sent.push(text)
    if (text.includes('to_regclass')) {
      return { rows: [{ found: meta !== undefined }], affected: 1 }
    }
    if (text.startsWith('select name, value')) {
      const rows = Object.entries(meta ?? {}).map(([name, value]) => ({ name, value }))
      return { rows, affected: rows.length }
    }
    return { rows: [], affected: 0 }
  }
  return { execute, sent }
}

describe('applying a set of migrations', () => {
  test('takes the lock before it looks', async () => {
    const { execute, sent } = fakeDatabase(undefined)
    await applyMigrations(postgres, database, set(1), execute)
    expect(sent[0]).toContain('pg_advisory_xact_lock')
  })

  test('makes the meta table where there is none', async () => {
    const { execute, sent } = fakeDatabase(undefined)
    await applyMigrations(postgres, database, set(1), execute)
    expect(sent.join('\n')).toContain('create table "stepping"."meta"')
  })

  test('runs what is missing, in order, and writes the version last', async () => {
    const { execute, sent } = fakeDatabase({ 'version:extra': '1' })
    await applyMigrations(postgres, database, set(1, 2, 3), execute)
    const ran = sent.filter((text) => text.startsWith('migration'))
    expect(ran).toEqual(['migration 2', 'migration 3'])
    expect(sent.at(-1)).toContain(`'version:extra', '3'`)
    expect(sent.join('\n')).not.toContain('create table "stepping"."meta"')
  })

  test('writes nothing where nothing is missing', async () => {
    const { execute, sent } = fakeDatabase({ 'version:extra': '2' })
    await applyMigrations(postgres, database, set(1, 2), execute)
    expect(sent.filter((text) => !text.startsWith('select'))).toEqual([])
  })

  test('refuses to go back', async () => {
    const { execute, sent } = fakeDatabase({ 'version:extra': '3' })
    await expect(applyMigrations(postgres, database, set(1, 2), execute)).rejects.toMatchObject({
      code: 'SCHEMA_NEWER',
    })
    expect(sent.filter((text) => !text.startsWith('select'))).toEqual([])
  })
})

describe('the version of a set', () => {
  test.each([
    ['is missing', {}, 'SCHEMA_MISSING'],
    ['is missing beside those of others', { 'version:stepping': '2' }, 'SCHEMA_MISSING'],
    ['is older', { 'version:extra': '1' }, 'SCHEMA_OLDER'],
    ['is newer', { 'version:extra': '10' }, 'SCHEMA_NEWER'],
    ['is right', { 'version:extra': '2' }, undefined],
  ])('%s', (_name, meta, code) => {
    const error = versionError(new Map(Object.entries(meta)), database, set(1, 2))
    expect(error?.code).toBe(code)
  })

  test('is told with the component, the schema, both versions and what to do', () => {
    const error = versionError(new Map([['version:extra', '1']]), database, set(1, 2))
    expect(error?.message).toBe(
      'The tables of extra in the schema "stepping" of the database orders have version 1, this code needs 2: run `await stepping.migrate()` once when deploying.',
    )
  })
})

describe('printed migrations', () => {
  const text = printMigrations(postgres, schemaTables('mine'), [postgres.migrations, set(1, 2)])

  test('make the schema, the meta table, every set in order, and their versions', () => {
    const marks = [
      'create schema "mine"',
      'create table "mine"."meta"',
      `'identity'`,
      'create table "mine"."barrier"',
      'create table "mine"."once"',
      `'version:stepping', '1'`,
      'migration 1',
      'migration 2',
      `'version:extra', '2'`,
    ]
    const places = marks.map((mark) => text.indexOf(mark))
    expect(places).not.toContain(-1)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  test('are statements that each end with a semicolon, and have no parameters', () => {
    expect(text.trimEnd()).toMatch(/;$/)
    expect(text).not.toMatch(/\$\d|undefined/)
  })
})
