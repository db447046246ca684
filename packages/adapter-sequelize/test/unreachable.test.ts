import { newGid } from '@stepping/core'
import { sql } from '@stepping/sql'
import { Sequelize } from 'sequelize'
import { expect, onTestFinished, test } from 'vitest'
import { sequelize } from '../src/index.ts'
import { openForTest, postgres } from './harness.ts'

const place = { host: '127.0.0.1', port: 1, database: 'shop', username: 'app', password: 'hunter2' }
const url = 'postgres://app:hunter2@127.0.0.1:1/shop'

const instances: Record<string, () => Sequelize> = {
  'a URL': () => new Sequelize(url, { logging: false }),
  options: () => new Sequelize({ dialect: 'postgres', logging: false, ...place }),
  replication: () =>
    new Sequelize({
      dialect: 'postgres',
      logging: false,
      replication: { read: [{ ...place, host: 'replica' }], write: place },
    }),
}

test.each(Object.entries(instances))(
  'a database by %s that cannot be reached says where, without the password',
  async (_by, open) => {
    const database = sequelize(open(), { name: `orders-${newGid()}` })
    for (const ask of [() => database.identity(), () => database.atomically(async () => {})]) {
      const error = await ask().catch((reason: Error) => reason)
      expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
      expect((error as Error).message).toContain('postgres://app@127.0.0.1:1/shop')
      expect((error as Error).message).not.toContain('hunter2')
    }
  },
)

test('a database whose pool gives no connection in time is unreachable', async () => {
  const h = await openForTest(postgres, { config: { pool: { max: 1, acquire: 100 } } })
  const t = await h.db.transaction()
  onTestFinished(() => t.rollback())
  for (const ask of [() => h.database.run(sql`select 1`), () => h.database.migrate()]) {
    await expect(ask()).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  }
})

test('the error of a statement is that of the driver, without its values', async () => {
  const h = await openForTest(postgres)
  const secret = sql`select ${'hunter2'}::text from nowhere`
  const error = await h.database.run(secret).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: '42P01' })
  expect(JSON.stringify(error)).not.toContain('hunter2')
})
