import { expect, it } from 'vitest'
import type { JobOptions } from './job-handle.ts'
import { assertDatabaseName } from './given.ts'
import { tenantDatabases } from './tenant-databases.ts'
import type { Database } from './db-context.ts'
import { fakeApp } from './testing/fake-app.ts'
import { FakeDatabase } from './testing/fake-database.ts'
import type { FakeTransaction } from './testing/fake-transaction.ts'

class Pool {
  readonly database = 'shop'
}

const orders = new FakeDatabase({ name: 'orders' })
const { stepping } = fakeApp({ databases: [orders] })
const work = async (): Promise<void> => {}

it.each([
  ['a pool', new Pool(), 'stepping.transaction got a Pool, it takes the database of an adapter'],
  [
    'the callback',
    work,
    'stepping.transaction got a function, it takes the database of an adapter',
  ],
  ['nothing', undefined, 'stepping.transaction got undefined, it takes the database of an adapter'],
  [
    'the databases of all tenants',
    tenantDatabases({ name: 'shops', resolve: () => undefined }),
    'stepping.transaction got tenantDatabases shops, it takes the database of one tenant',
  ],
])('a transaction of %s is refused', async (_name, database, message) => {
  const refused = stepping.transaction(database as unknown as Database<FakeTransaction>, work)
  await expect(refused).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    message: expect.stringContaining(message) as string,
  })
})

it('a transaction without work is refused', async () => {
  const refused = stepping.transaction(orders, undefined as unknown as typeof work)
  await expect(refused).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    message: expect.stringMatching(
      /^stepping.transaction got undefined, it takes a function/,
    ) as string,
  })
})

it.each([
  ['a transaction of a driver', new Pool(), 'a Pool'],
  ['options of something else', { database: 'shop' }, 'an object'],
  ['null', null, 'null'],
])('a job of %s is refused: nothing would decide about it', (_name, given, kind) => {
  const create = (): unknown => stepping.createJob(given as unknown as JobOptions)
  expect(create).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
  expect(create).toThrow(`stepping.createJob got ${kind}, it takes options, or the context`)
})

it.each([
  [undefined, 'no name'],
  [{}, 'no name'],
  [{ name: '' }, 'an empty name'],
])('a database with %j is refused', (options, found) => {
  const make = (): void => assertDatabaseName('pg', options)
  expect(make).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
  expect(make).toThrow(`pg: the database has ${found}.`)
})
