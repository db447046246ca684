import { Pool } from 'pg'
import { newGid } from '@stepping/core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { pg } from '../src/index.ts'

const nowhere = { host: '127.0.0.1', port: '1', user: 'app', password: 'hunter2', database: 'shop' }

test.each([
  ['a URL', { connectionString: 'postgres://app:hunter2@127.0.0.1:1/shop' }],
  ['options', { ...nowhere, port: 1 }],
])(
  'a database at %s that cannot be reached says where, without the password',
  async (_, config) => {
    await expectAddress(new Pool(config))
  },
)

test('a database in the environment that cannot be reached says where as well', async () => {
  for (const [name, value] of Object.entries(nowhere)) vi.stubEnv(`PG${name.toUpperCase()}`, value)
  onTestFinished(() => void vi.unstubAllEnvs())
  await expectAddress(new Pool())
})

async function expectAddress(pool: Pool): Promise<void> {
  const database = pg(pool, { name: `orders-${newGid()}` })
  const error = await database.identity().catch((reason: Error) => reason)
  expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  expect((error as Error).message).toContain('postgres://app@127.0.0.1:1/shop')
  expect((error as Error).message).not.toContain('hunter2')
}
