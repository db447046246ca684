import { printSchema, selfTm } from '@stepping/self-tm'
import type { MigrationSet, Statement } from '@stepping/sql'
import { sql } from '@stepping/sql'
import { describe, expect, onTestFinished, test } from 'vitest'
import { mysql2 } from '../src/index.ts'
import { newKey, openForTest } from './harness.ts'
import type { Harness } from './harness.ts'
import { createPool } from 'mysql2/promise'

/** Everything about the tables that tells one schema from another. */
async function shapeOf({ query }: Harness, prefix: string): Promise<unknown> {
  const named = `table_schema = database() and table_name like '${prefix.replaceAll('_', '\\_')}%'`
  return {
    columns: await query(`
      select substr(table_name, ${prefix.length + 1}) as t, column_name as c, column_type, collation_name, is_nullable,
        column_default, extra, generation_expression
      from information_schema.columns where ${named} order by t, ordinal_position`),
    indexes: await query(`
      select substr(table_name, ${prefix.length + 1}) as t, index_name as i, seq_in_index, column_name, non_unique
      from information_schema.statistics where ${named} order by t, i, seq_in_index`),
    tables: await query(`
      select substr(table_name, ${prefix.length + 1}) as t, engine, table_collation
      from information_schema.tables where ${named} order by t`),
    versions: await query(
      `select name, value from ${prefix}meta where name <> 'identity' order by name`,
    ),
  }
}

function over({ pool }: Harness, prefix: string) {
  return mysql2(pool, { name: prefix, prefix })
}

async function migrateAll(database: ReturnType<typeof over>): Promise<void> {
  await database.migrate()
  await selfTm({ database }).migrate!()
}

test('the printed schema makes the same tables, which are accepted as migrated', async () => {
  const h = await openForTest()
  const migrated = over(h, 'migrated_')
  const byHand = over(h, 'by_hand_')
  await migrateAll(migrated)
  for (const statement of printSchema({ dialect: 'mysql', prefix: 'by_hand_' }).split(/;\n/)) {
    if (statement.trim()) await h.query(statement)
  }
  expect(await shapeOf(h, 'by_hand_')).toEqual(await shapeOf(h, 'migrated_'))
  await expect(migrateAll(byHand)).resolves.toBeUndefined()
  expect(await byHand.identity()).not.toBe(await migrated.identity())
})

test('the tables do not depend on what the server and the database are set to', async () => {
  const h = await openForTest()
  const odd = await openForTest({
    session: [
      `set default_storage_engine = MyISAM`,
      `set sql_mode = 'ANSI,ALLOW_INVALID_DATES'`,
      `set names latin1`,
    ],
  })
  await odd.query('alter database character set latin1 collate latin1_german2_ci')
  await migrateAll(over(h, 'same_'))
  await migrateAll(over(odd, 'same_'))
  expect(await shapeOf(odd, 'same_')).toEqual(await shapeOf(h, 'same_'))
})

function create(table: Statement): Statement {
  return sql`create table if not exists ${table} (n int)`
}

describe('a migration that stops in the middle', () => {
  const broken: MigrationSet = {
    component: 'extra',
    migrations: [{ version: 1, statements: ({ table }) => [create(table('first')), sql`bad`] }],
  }
  const mended: MigrationSet = {
    component: 'extra',
    migrations: [
      { version: 1, statements: ({ table }) => [create(table('first')), create(table('second'))] },
    ],
  }

  test('is not taken for done, and can be run again', async () => {
    const { database } = await openForTest()
    await expect(database.migrateSet(broken)).rejects.toMatchObject({ errno: 1064 })
    await expect(database.assertMigrated(mended)).rejects.toMatchObject({ code: 'SCHEMA_MISSING' })
    await database.migrateSet(mended)
    await expect(database.assertMigrated(mended)).resolves.toBeUndefined()
  })

  test('between the first table and the identity is mended', async () => {
    const h = await openForTest()
    await h.query(`create table half_meta (name varchar(100) primary key, value varchar(255))`)
    const half = over(h, 'half_')
    await half.migrate()
    await expect(half.identity()).resolves.toMatch(/^[0-9a-f-]{36}$/)
  })

  test('gives its lock back', async () => {
    const h = await openForTest({ pool: { connectionLimit: 2 } })
    await expect(h.database.migrateSet(broken)).rejects.toBeInstanceOf(Error)
    await h.database.migrateSet(mended)
    expect(
      await h.query(
        `select is_free_lock(concat('stepping:', md5(concat(database(), ':', 'stepping_')))) as free`,
      ),
    ).toEqual([{ free: 1 }])
  })
})

/** A login of the test's own that may do nothing yet. */
async function login(h: Harness): Promise<{ name: string; url: string }> {
  const name = `app_${crypto.randomUUID().slice(0, 8)}`
  await h.query(`create user ${name}@'%' identified by 'secret'`)
  await h.query(`create user ${name}@localhost identified by 'secret'`)
  onTestFinished(async () => {
    await h.query(`drop user ${name}@'%', ${name}@localhost`)
  })
  const url = Object.assign(new URL(h.url), { username: name, password: 'secret' })
  return { name, url: url.href }
}

test('the rights to change the schema are needed by migrate only', async () => {
  const h = await openForTest()
  await migrateAll(h.database)
  const { name, url } = await login(h)
  for (const host of ['%', 'localhost']) {
    await h.query(`grant select, insert, update, delete on *.* to ${name}@'${host}'`)
  }
  const pool = createPool(url)
  onTestFinished(() => pool.end())
  const database = mysql2(pool, { name: 'orders' })
  const key = await newKey(database)
  await database.transaction(async (connection) => {
    const context = database.context(connection)
    await database.barrier.insert(context, key)
    await database.once.take(context, { ...key, index: 0, key: '', owner: 'shop' })
  })
  expect(await database.barrier.resolve(key)).toBe('committed')
  await database.prune({
    owners: ['shop'],
    over: async () => new Set(),
    active: async () => new Set(),
  })
  await expect(over({ ...h, pool }, 'more_').migrate()).rejects.toMatchObject({ errno: 1142 })
})
