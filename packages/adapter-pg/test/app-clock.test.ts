import { defineStep } from '@stepping/core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openPath, paths, startApp } from './app.ts'
import { open, order } from './harness.ts'

const hourMs = 3_600_000
const leaseMs = 600

/** Of this process only: the database goes on by its own. */
function jump(byMs: number): void {
  vi.restoreAllMocks()
  const { now } = Date
  vi.spyOn(Date, 'now').mockImplementation(() => now() + byMs)
  onTestFinished(() => void vi.restoreAllMocks())
}

describe.each(paths)('when the clock of the app jumps, %s,', (path) => {
  test.each([
    ['forward by a month', 30 * 24 * hourMs],
    ['back by 23 hours', -23 * hourMs],
  ])('%s: what runs goes on under its lease, and what is new is done', async (_how, byMs) => {
    const { h, store } = await openPath(path, (name) => open({ name }))
    const gate = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    let runs = 0
    const slow = defineStep({
      name: 'Slow',
      async run() {
        runs++
        begun.resolve()
        await gate.promise
      },
    })
    const app = await startApp({
      databases: [h.database],
      store: store.database,
      steps: [slow],
      leaseMs,
    })
    await app.stepping.transaction(h.database, async (client, job) => {
      await order(client, 'before')
      job.addStep(slow)
    })
    await begun.promise
    const leasedUntil = async (): Promise<number> => {
      const [row] = await store.query(
        'select extract(epoch from lease_until) * 1000 as until from stepping.job',
      )
      return Number(row?.['until'])
    }
    const first = await leasedUntil()
    jump(byMs)
    await vi.waitFor(async () => expect(await leasedUntil()).toBeGreaterThan(first + 3 * leaseMs), {
      timeout: 10_000,
      interval: 50,
    })
    gate.resolve()
    await app.stepping.transaction(h.database, async (client, job) => {
      await order(client, 'after')
      job.addStep(app.note, 'after')
    })
    await app.noted('after')
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 10_000 })
    expect(runs).toBe(1)
    expect(app.events.map(({ type }) => type)).not.toContain('lease.lost')
  })

  test('back by more than a day, a new job is too late for the database: nothing is written', async () => {
    const { h, store } = await openPath(path, (name) => open({ name }))
    const app = await startApp({ databases: [h.database], store: store.database })
    const place = async (sku: string): Promise<void> => {
      await app.stepping.transaction(h.database, async (client, job) => {
        await order(client, sku)
        job.addStep(app.note, sku)
      })
    }
    jump(-25 * hourMs)
    await expect(place('refused')).rejects.toMatchObject({ code: 'BARRIER_EXPIRED' })
    expect(await h.skus()).toEqual([])
    expect(await store.query('select 1 from stepping.job')).toEqual([])
    jump(0)
    await place('done')
    await app.noted('done')
    expect(app.notes).toEqual(['done'])
  })
})
