import { createConnection } from 'mysql2/promise'
import { expect, inject, onTestFinished, test } from 'vitest'
import { freshMysqlDatabase } from '../src/fresh-mysql-database.ts'

test('each is empty and its own', async () => {
  await using first = await freshMysqlDatabase(inject('mysqlUrl'), 'Same label!')
  await using second = await freshMysqlDatabase(inject('mysqlUrl'), 'Same label!')
  await query(first.url, 'create table taken (n int)')
  await query(second.url, 'create table taken (n int)')
  expect(await query(first.url, 'select database() as name')).toEqual([
    { name: expect.stringMatching(/^stepping_same_label_/) },
  ])
})

test('drop disconnects whoever is still there, also in a transaction', async () => {
  const database = await freshMysqlDatabase(inject('mysqlUrl'))
  await query(database.url, 'create table held (n int)')
  const connection = await createConnection(database.url)
  connection.on('error', () => {})
  onTestFinished(() => connection.destroy())
  await connection.beginTransaction()
  await connection.query('insert into held values (1)')

  await database.drop()

  await expect(connection.query('select 1')).rejects.toBeInstanceOf(Error)
  await expect(query(database.url, 'select 1')).rejects.toThrow('Unknown database')
})

async function query(url: string, statement: string): Promise<unknown> {
  const connection = await createConnection(url)
  try {
    return (await connection.query(statement))[0]
  } finally {
    await connection.end()
  }
}
