import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { freshDatabase } from '../src/fresh-database.ts'

test('each is empty and its own', async () => {
  await using first = await freshDatabase(inject('postgresUrl'), 'Same label!')
  await using second = await freshDatabase(inject('postgresUrl'), 'Same label!')
  await query(first.url, 'create table taken (n int)')
  await query(second.url, 'create table taken (n int)')
  expect(await query(first.url, 'select current_database() as name')).toEqual([
    { name: expect.stringMatching(/^stepping_same_label_/) },
  ])
})

test('drop disconnects whoever is still there', async () => {
  const database = await freshDatabase(inject('postgresUrl'))
  const client = new Client({ connectionString: database.url })
  await client.connect()
  const errors: unknown[] = []
  client.on('error', (error) => errors.push(error))
  const disconnected = new Promise<void>((resolve) => client.once('end', resolve))

  await database.drop()

  await disconnected
  expect(errors).toContainEqual(expect.objectContaining({ code: '57P01' }))
  await expect(query(database.url, 'select 1')).rejects.toThrow('does not exist')
})

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
