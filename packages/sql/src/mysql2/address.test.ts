import { expect, test } from 'vitest'
import { describeAddress } from './address.ts'

test.each([
  [
    { host: 'db.internal', port: 3307, user: 'app', password: 'hunter2', database: 'shop' },
    'mysql://app@db.internal:3307/shop',
  ],
  [
    { socketPath: '/run/mysqld.sock', user: 'app', database: 'shop' },
    'mysql://app@/run/mysqld.sock/shop',
  ],
  [{ host: 'localhost', port: 3306 }, 'mysql://@localhost:3306/'],
])('the address in messages has no password: %o', (connectionConfig, address) => {
  expect(describeAddress({ config: { connectionConfig } })).toBe(address)
})
