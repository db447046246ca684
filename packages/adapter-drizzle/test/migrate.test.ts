import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { MigrationSet, Statement } from '@stepping/sql'
import { printMigrations, sql } from '@stepping/sql'
import { drivers, newKey, printSchema, selfTm, serverDrivers } from './harness.ts'
import type { Driver, Harness, HarnessOptions } from './harness.ts'

async function open(driver: Driver, options: HarnessOptions = {}): Promise<Harness> {
  const h = await driver.open({ migrated: false, ...options })
  onTestFinished(() => h.close())
  return h
}

/** Everything about the tables that tells one schema from another. */
async function shapeOf({ query }: Harness): Promise<unknown> {
  return {
    columns: await query(`
      select table_name, column_name, ordinal_position, data_type, character_maximum_length, collation_name,
        is_nullable, column_default, is_identity
      from information_schema.columns where table_schema = 'stepping' order by 1, 3`),
    indexes: await query(
      `select tablename, indexname, indexdef from pg_indexes where schemaname = 'stepping' order by 1, 2`,
    ),
    constraints: await query(`
      select conrelid::regclass::text as table, conname, pg_get_constraintdef(oid) as definition
      from pg_constraint where connamespace = 'stepping'::regnamespace order by 1, 2`),
    options: await query(`
      select relname, reloptions from pg_class
      where relnamespace = 'stepping'::regnamespace and relkind = 'r' order by 1`),
    versions: await query(
      `select name as key, value from stepping.meta where name <> 'identity' order by 1`,
    ),
  }
}

async function migrateAll(h: Harness): Promise<void> {
  await h.database.migrate()
  await selfTm({ database: h.database }).migrate!()
}

describe.each(drivers)('migrate over $name', (driver) => {
  test.each(['find', 'retry', 'cancel'] as const)('is what jobs.%s asks for', async (call) => {
    const h = await open(driver)
    await expect(selfTm({ database: h.database }).jobs![call]('g')).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringMatching(/of the database orders do not exist: run/) as string,
    })
  })

  test('makes a database usable, changes nothing when repeated, and keeps its identity', async () => {
    const h = await open(driver)
    await migrateAll(h)
    const identity = await h.database.identity()
    const before = await shapeOf(h)
    await migrateAll(h)
    expect(await shapeOf(h)).toEqual(before)
    expect(await h.database.identity()).toBe(identity)
    expect(await h.database.barrier.resolve(await newKey(h.database))).toBe('rolledBack')
  })

  test('makes the same tables as the printed schema, which is accepted as migrated', async () => {
    const [migrated, byHand] = [await open(driver), await open(driver)]
    await migrateAll(migrated)
    for (const statement of printSchema().split(/;\n/)) await byHand.query(statement)
    expect(await shapeOf(byHand)).toEqual(await shapeOf(migrated))
    expect(await byHand.database.identity()).not.toBe(await migrated.database.identity())
    await expect(migrateAll(byHand)).resolves.toBeUndefined()
  })

  test('refuses tables of a newer version', async () => {
    const h = await open(driver)
    await h.database.migrate()
    await h.query(`update stepping.meta set value = '99' where name = 'version:stepping'`)
    const fresh = h.over({ name: 'fresh' })
    await expect(fresh.identity()).rejects.toMatchObject({
      code: 'SCHEMA_NEWER',
      message: expect.stringContaining('have version 99'),
    })
    await expect(fresh.migrate()).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
  })
})

function create(table: Statement): Statement {
  return sql`create table ${table} (n int)`
}

describe.each(drivers)('a set of migrations over $name', (driver) => {
  const first: MigrationSet = {
    component: 'extra',
    migrations: [{ version: 1, statements: ({ table }) => [create(table('first'))] }],
  }
  const second: MigrationSet = {
    component: 'extra',
    migrations: [
      ...first.migrations,
      { version: 2, statements: ({ table }) => [create(table('second'))] },
    ],
  }
  const broken: MigrationSet = {
    component: 'extra',
    migrations: [
      ...second.migrations,
      { version: 3, statements: ({ table }) => [create(table('third')), sql`bad`] },
    ],
  }
  let h: Harness
  beforeAll(async () => {
    h = await driver.open()
  })
  afterAll(async () => {
    await h.close()
  })

  test('is missing until it is applied, and older until all of it is', async () => {
    const { database } = h
    const other = h.over({ name: 'another process' })
    await expect(database.assertMigrated(second)).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: expect.stringContaining('await stepping.migrate()'),
    })
    await other.migrateSet(first)
    await expect(database.assertMigrated(second)).rejects.toMatchObject({
      code: 'SCHEMA_OLDER',
      message: expect.stringMatching(
        /have version 1, this code needs 2.*await stepping\.migrate\(\)/,
      ),
    })
    await other.migrateSet(second)
    await expect(database.assertMigrated(second)).resolves.toBeUndefined()
  })

  test('leaves nothing behind of one that fails', async () => {
    const { database } = h
    await database.migrateSet(second)
    await expect(database.migrateSet(broken)).rejects.toMatchObject({ code: '42601' })
    expect(await h.query(`select to_regclass('stepping.third') as third`)).toEqual([
      { third: null },
    ])
    await expect(h.over({ name: 'fresh' }).assertMigrated(second)).resolves.toBeUndefined()
  })

  test('is printed for a fresh database', () => {
    const { sqlDialect, tables } = h.database
    expect(printMigrations(sqlDialect, tables, [second])).toContain(`'version:extra', '2'`)
  })
})

/** A login of the test's own that may do nothing yet. */
async function role(h: Harness): Promise<{ name: string; url: string }> {
  const name = `app_${crypto.randomUUID().slice(0, 8)}`
  await h.query(`create role ${name} login password 'secret'`)
  onTestFinished(async () => {
    await h.query(`drop owned by ${name}`)
    await h.query(`drop role ${name}`)
  })
  const url = new URL(h.url!)
  url.username = name
  url.password = 'secret'
  return { name, url: url.href }
}

describe.each(serverDrivers)('the rights over $name', (driver) => {
  test('to change the schema are needed by migrate only', async () => {
    const h = await open(driver)
    await migrateAll(h)
    const app = await role(h)
    await h.query(`grant usage on schema stepping to ${app.name}`)
    await h.query(
      `grant select, insert, update, delete on all tables in schema stepping to ${app.name}`,
    )
    const { database } = await open(driver, { url: app.url })
    const key = await newKey(database)
    await database.transaction(async (tx) => {
      const context = database.context(tx)
      await context.assertUsable()
      await database.barrier.insert(context, key)
      await database.once.take(context, { ...key, index: 0, key: '', owner: 'shop' })
    })
    expect(await database.barrier.resolve(key)).toBe('committed')
    await database.prune({
      owners: ['shop'],
      over: async () => new Set(),
      active: async () => new Set(),
    })
  })

  test('to make a schema are not needed where it exists', async () => {
    const h = await open(driver)
    const app = await role(h)
    await h.query(`create schema stepping authorization ${app.name}`)
    const { database } = await open(driver, { url: app.url })
    await database.migrate()
    await expect(database.identity()).resolves.toEqual(expect.any(String))
  })

  test('that are missing are the error of the server', async () => {
    const h = await open(driver)
    const app = await role(h)
    const { database } = await open(driver, { url: app.url })
    await expect(database.migrate()).rejects.toMatchObject({ code: '42501' })
  })
})
