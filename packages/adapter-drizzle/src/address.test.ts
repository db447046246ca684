import { Pool } from 'pg'
import connect from 'postgres'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { nodePostgres } from './node-postgres.ts'
import { postgresJs } from './postgres-js.ts'

const url = 'postgres://app:hunter2@db.internal:6543/shop?application_name=web'
const options = {
  host: 'db.internal',
  port: 6543,
  user: 'app',
  password: 'hunter2',
  database: 'shop',
}

describe.each([
  ['node-postgres', (given: string | typeof options) => nodePostgres(poolOf(given), {}).address],
  ['postgres-js', (given: string | typeof options) => postgresJs(clientOf(given)).address],
])('the address in messages of %s', (_driver, addressOf) => {
  test('comes from a URL, without its password', () => {
    expect(addressOf(url)).toBe('postgres://app@db.internal:6543/shop')
  })

  test('comes from options, without the password', () => {
    expect(addressOf(options)).toBe('postgres://app@db.internal:6543/shop')
  })

  test('comes from the environment where nothing is given', () => {
    const environment = {
      PGHOST: 'db.internal',
      PGPORT: '6543',
      PGUSER: 'app',
      PGPASSWORD: 'hunter2',
      PGDATABASE: 'shop',
    }
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(addressOf('')).toBe('postgres://app@db.internal:6543/shop')
  })
})

/** Neither connects before it is asked something. */
function poolOf(given: string | typeof options): Pool {
  return new Pool(typeof given === 'string' ? { connectionString: given } : given)
}

function clientOf(given: string | typeof options): unknown {
  return typeof given === 'string' ? connect(given) : connect(given)
}
