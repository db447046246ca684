import { expect, test, vi } from 'vitest'
import { openForTest } from './harness.ts'

test('hears notifications on a connection beside the pool, until it is closed', async () => {
  const h = await openForTest({ pool: { max: 1 } })
  const taken = await h.pool.connect()
  const heard = vi.fn<() => void>()
  const lost = vi.fn<() => void>()
  const close = await h.database.listen!('stepping_test', heard, lost)
  await h.query(`select pg_notify('stepping_test', '')`)
  await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1))
  await close()
  taken.release()
  expect(lost).not.toHaveBeenCalled()
})
