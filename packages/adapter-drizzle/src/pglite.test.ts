import { expect, test } from 'vitest'
import { pglite } from './pglite.ts'

test('says that it has one connection', () => {
  expect(pglite({}).limits.parallelTransactions).toMatch(/one connection/)
})

test('does not listen: nobody else could notify', () => {
  expect(pglite({}).listen).toBeUndefined()
})

test.each([
  [undefined, 'PGlite in memory'],
  ['./orders', 'PGlite ./orders'],
])('has the folder %s as its address', (dataDir, address) => {
  expect(pglite({ dataDir }).address).toBe(address)
})
