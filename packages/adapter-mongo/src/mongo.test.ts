import { MongoClient } from 'mongodb'
import type { Db } from 'mongodb'
import { expect, test } from 'vitest'
import { mongo } from './mongo.ts'
import type { MongoOptions } from './mongo.ts'

const client = new MongoClient('mongodb://localhost')

test.each([
  [client, 'a MongoClient'],
  [undefined, 'undefined'],
])('over %o is refused, by what it is', (given, kind) => {
  const make = (): unknown => mongo(given as unknown as Db, { name: 'orders' })
  expect(make).toThrow(expect.objectContaining({ code: 'DATABASE_INVALID' }))
  expect(make).toThrow(`mongo takes a Db of the driver, and got ${kind}: use mongo(client.db(`)
})

test.each([[undefined], [{ name: '' }]])('with the options %j is refused', (options) => {
  const make = (): unknown => mongo(client.db('orders'), options as unknown as MongoOptions)
  expect(make).toThrow(/^mongo: the database has (no|an empty) name/)
})
