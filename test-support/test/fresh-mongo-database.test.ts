import { MongoClient } from 'mongodb'
import { expect, inject, onTestFinished, test } from 'vitest'
import { freshMongoDatabase } from '../src/fresh-mongo-database.ts'

test('each fresh database is empty and its own', async () => {
  await using first = freshMongoDatabase(inject('mongoUrl'), 'Same label!')
  await using second = freshMongoDatabase(inject('mongoUrl'), 'Same label!')
  await connect(first.url).db().collection('taken').insertOne({ n: 1 })
  const other = connect(second.url).db()
  expect(other.databaseName).toMatch(/^stepping_same_label_/)
  expect(await other.collection('taken').countDocuments()).toBe(0)
})

test('a fresh database that is dropped is gone', async () => {
  const database = freshMongoDatabase(inject('mongoUrl'))
  const client = connect(database.url)
  await client.db().collection('taken').insertOne({ n: 1 })
  await database.drop()
  const { databases } = await client.db().admin().listDatabases({ nameOnly: true })
  expect(databases.map(({ name }) => name)).not.toContain(client.db().databaseName)
})

test.each([
  ['mongodb://a:1', 'mongodb://a:1/NAME?'],
  ['mongodb://a:1/?replicaSet=rs0', 'mongodb://a:1/NAME?replicaSet=rs0'],
  ['mongodb://me:x@a:1,b:2/app?w=1', 'mongodb://me:x@a:1,b:2/NAME?w=1&authSource=admin'],
  ['mongodb+srv://me:x@c/?authSource=mine', 'mongodb+srv://me:x@c/NAME?authSource=mine'],
])('%s keeps its hosts, its login and its options', (server, expected) => {
  const { url } = freshMongoDatabase(server)
  expect(url.replace(/stepping_test_[0-9a-f]{12}/, 'NAME')).toBe(expected)
})

function connect(url: string): MongoClient {
  const client = new MongoClient(url)
  onTestFinished(() => client.close())
  return client
}
