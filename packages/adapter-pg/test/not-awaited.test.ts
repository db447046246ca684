import { setTimeout as delay } from 'node:timers/promises'
import type { CommittableJob } from '@stepping/core'
import { expect, test, vi } from 'vitest'
import { openPath, paths, startApp } from './app.ts'
import type { Path } from './app.ts'
import { begun, open, order } from './harness.ts'

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
      const rolledBack = begun(h, async (client) => {
        await order(client, sku)
        const job = app.stepping.createJob(h.database.context(client)).addStep(app.note, sku)
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
