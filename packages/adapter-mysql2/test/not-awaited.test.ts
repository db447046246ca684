import { setTimeout as delay } from 'node:timers/promises'
import type { CommittableJob } from '@stepping/core'
import { describe, expect, test, vi } from 'vitest'
import { openPath, paths, startApp } from './app.ts'
import type { Path } from './app.ts'
import { begun, newKey, open, openForTest, order } from './harness.ts'

const rounds = 300

const forms = {
  prepareAndInsertBarrier: (job: CommittableJob) => job.prepareAndInsertBarrier(),
  start: async (job: CommittableJob) => void (await job.start()),
}

const combinations = (Object.keys(forms) as (keyof typeof forms)[]).flatMap((form) =>
  paths.map((path): [keyof typeof forms, Path] => [form, path]),
)

/**
 * What is sent after the ROLLBACK commits by itself. The delays move the rejection over all the
 * statements of a prepare; which of them it meets is the machine's affair, so there are many rounds.
 */
test.each(combinations)(
  '%s, %s: in a race with the end of its transaction, the steps run exactly if that committed',
  async (form, path) => {
    const { h, store } = await openPath(path, (name) => open({ name }))
    const app = await startApp({ databases: [h.database], store: store.database })
    let refused = 0
    for (let round = 0; round < rounds; round++) {
      const sku = `order ${round}`
      let sent: Promise<void> | undefined
      const rolledBack = begun(h, async (connection) => {
        await order(connection, sku)
        const job = app.stepping.createJob(h.database.context(connection)).addStep(app.note, sku)
        sent = forms[form](job)
        const outOfStock = delay((round % 15) / 5).then(() =>
          Promise.reject(new Error('none left')),
        )
        await Promise.all([sent, outOfStock])
      })
      await rolledBack.catch(() => {})
      await sent!.catch(() => refused++)
    }
    expect(refused).toBeGreaterThan(0)
    await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 20_000 })
    await app.settled()
    const committed = await h.skus()
    expect(new Set(app.notes.filter((text) => text.startsWith('order')))).toEqual(
      new Set(committed),
    )
    // Nobody but start() sends a COMMIT.
    expect(committed.length).toBeLessThanOrEqual(form === 'start' ? rounds : 0)
  },
  120_000,
)

describe('an insert that stands in the queue behind the end of its transaction', () => {
  test('a ROLLBACK, is refused', async () => {
    const h = await openForTest()
    for (let round = 0; round < 300; round++) {
      const key = await newKey(h.database)
      await begun(h, async (connection) => {
        const context = h.database.context(connection)
        await context.assertUsable()
        const rolledBack = connection.rollback()
        const inserted = h.database.barrier.insert(context, key)
        await rolledBack
        await expect(inserted).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
      })
      expect(await h.barrier(key.gid)).toEqual([])
    }
  })

  test('a ROLLBACK, is refused also when the connection is in the next transaction by then', async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    await begun(h, async (connection) => {
      const context = h.database.context(connection)
      await context.assertUsable()
      const next = [connection.rollback(), connection.beginTransaction()]
      await expect(h.database.barrier.insert(context, key)).rejects.toMatchObject({
        code: 'TRANSACTION_LOST',
      })
      await Promise.all(next)
      await order(connection, 'the next one')
      await connection.commit()
    })
    expect(await h.skus()).toEqual(['the next one'])
    expect(await h.barrier(key.gid)).toEqual([])
  })

  test('a ROLLBACK, is refused also where the look at it came too late', async () => {
    const h = await openForTest()
    const key = await newKey(h.database)
    await begun(h, async (connection) => {
      const context = h.database.context(connection)
      const rolledBack = connection.rollback()
      await expect(context.assertUsable()).rejects.toMatchObject({
        code: expect.stringMatching(/^TRANSACTION_(LOST|UNUSABLE)$/) as string,
      })
      await rolledBack
      await expect(h.database.barrier.insert(context, key)).rejects.toMatchObject({
        code: 'TRANSACTION_LOST',
      })
    })
    expect(await h.barrier(key.gid)).toEqual([])
  })
})
