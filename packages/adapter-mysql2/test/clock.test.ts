import { sql } from '@stepping/sql'
import { epochMs, nowPlus } from '@stepping/sql/mysql'
import { freshMysqlDatabase, startMariadb } from '@stepping/test-support'
import { describe, expect, test } from 'vitest'
import { newKey, open, openForTest } from './harness.ts'

const zones = ['+00:00', '-11:00', '+12:45']

test.each(zones)('is the one of the epoch in the time zone %s', async (zone) => {
  const h = await openForTest({ session: [`set time_zone = '${zone}'`] })
  const { rows } = await h.database.run(h.database.sqlDialect.readClock())
  expect(Math.abs(Number(rows[0]!['now']) - Date.now())).toBeLessThan(5_000)
  const key = await newKey(h.database)
  const late = { ...key, notAfter: Date.now() - 1_000 }
  await expect(h.database.barrier.resolve(late)).rejects.toMatchObject({ code: 'BARRIER_EXPIRED' })
  expect(await h.database.barrier.resolve(key)).toBe('rolledBack')
})

describe('in the hour that comes twice when summer time ends', () => {
  // The last Sunday of October 2027 in Central Europe: 03:00 becomes 02:00 at 01:00 UTC.
  const timeZone = 'CET-1CEST,M3.5.0,M10.5.0/3'
  const switchAt = Date.UTC(2027, 9, 31, 1)

  test('time goes on evenly', async () => {
    await using server = await startMariadb({ timeZone })
    await using fresh = await freshMysqlDatabase(server.url)
    const h = await open({ url: fresh.url })
    const localAt = async (at: number): Promise<unknown> =>
      Object.values((await h.query('select from_unixtime(?)', [at / 1_000]))[0]!)[0]
    const half = 30 * 60_000
    expect(await localAt(switchAt + half)).toEqual(await localAt(switchAt - half))
    for (const minute of [-90, -30, -1, 0, 1, 30, 90]) {
      const at = switchAt + minute * 60_000
      const [before, later] = await h.database.atomically(async (execute) => {
        await execute(sql`set timestamp = ${at / 1_000}`)
        const { rows } = await execute(sql`
          select ${epochMs(nowPlus(0))} as before_, ${epochMs(nowPlus(3_600_000))} as later`)
        await execute(sql`set timestamp = default`)
        return [rows[0]!['before_'], rows[0]!['later']]
      })
      expect([before, later]).toEqual([at, at + 3_600_000])
    }
    await h.close()
  })
})
