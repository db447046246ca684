import { expect, test, vi } from 'vitest'
import { openForTest, postgres } from './harness.ts'

test('hears notifications on a connection beside the pool, until it is closed', async () => {
  const h = await openForTest(postgres, { config: { pool: { max: 1 } } })
  const t = await h.db.transaction()
  const heard = vi.fn<() => void>()
  const lost = vi.fn<() => void>()
  const close = await h.database.listen!('stepping_test', heard, lost)
  await h.query(`select pg_notify('stepping_test', '')`)
  await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1))
  await close()
  await t.rollback()
  expect(lost).not.toHaveBeenCalled()
})

test('says once that its connection is lost, and the process goes on', async () => {
  const h = await openForTest(postgres)
  const lost = vi.fn<() => void>()
  await h.database.listen!('stepping_test', () => {}, lost)
  await h.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ~ '^listen'`,
  )
  await vi.waitFor(() => expect(lost).toHaveBeenCalledTimes(1))
})

test('is given its password by a hook, as every connection', async () => {
  const connected = vi.fn<() => void>()
  const h = await openForTest(postgres, { config: { hooks: { beforeConnect: connected } } })
  connected.mockClear()
  const close = await h.database.listen!(
    'stepping_test',
    () => {},
    () => {},
  )
  expect(connected).toHaveBeenCalledTimes(1)
  await close()
})
