import connect from 'postgres'
import { expect, test } from 'vitest'
import { postgresJs } from './postgres-js.ts'

test('a client that renames columns is refused: statements would not find theirs', () => {
  const client = connect('postgres://localhost/orders', { transform: connect.camel })
  expect(() => postgresJs(client)).toThrow(/renames columns/)
})

test('a client that renames nothing is taken', () => {
  expect(postgresJs(connect('postgres://localhost/orders')).address).toContain('/orders')
})
