import type { CommittableJob, Database } from '@stepping/core'
import type { AnySqlDatabase, CommittableSqlContext } from '@stepping/sql'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { openPath, startApp } from './app.ts'
import type { Path } from './app.ts'

const rounds = 300

const forms = {
  prepareAndInsertBarrier: (job: CommittableJob) => job.prepareAndInsertBarrier(),
  start: async (job: CommittableJob) => void (await job.start()),
}

export type Form = keyof typeof forms

export const formNames = Object.keys(forms) as Form[]

/** What the race needs of an adapter's harness. */
export interface Racing<Tx> {
  readonly database: AnySqlDatabase & Database<Tx, CommittableSqlContext>
  skus(): Promise<unknown[]>
  openJobs(): Promise<unknown[]>
  close(): Promise<void>
}

/**
 * Not awaited, a job races the end of its transaction: what is sent after the ROLLBACK commits by
 * itself. The delays move the rejection over all the statements; which of them it meets is the
 * machine's affair, so there are many rounds.
 */
export async function raceWithTheEnd<Tx, H extends Racing<Tx>>({
  path,
  form,
  open,
  order,
}: {
  readonly path: Path
  readonly form: Form
  readonly open: (name: string) => Promise<H>
  /** A transaction of the user with an order, rolled back when `work` rejects. */
  readonly order: (h: H, sku: string, work: (tx: Tx) => Promise<unknown>) => Promise<unknown>
}): Promise<void> {
  const { h, store } = await openPath(path, open)
  const app = await startApp({ databases: [h.database], store: store.database })
  let refused = 0
  for (let round = 0; round < rounds; round++) {
    const sku = `order ${round}`
    let sent: Promise<void> | undefined
    const rolledBack = order(h, sku, async (tx) => {
      sent = forms[form](app.stepping.createJob(h.database.context(tx)).addStep(app.note, sku))
      const outOfStock = delay((round % 15) / 5).then(() => Promise.reject(new Error('none left')))
      await Promise.all([sent, outOfStock])
    })
    await rolledBack.catch(() => {})
    await sent!.catch(() => refused++)
  }
  expect(refused).toBeGreaterThan(0)
  await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), { timeout: 30_000 })
  await app.settled()
  const committed = await h.skus()
  const done = app.notes.filter((text) => text.startsWith('order'))
  expect(new Set(done)).toEqual(new Set(committed))
  // Nobody but start() sends a COMMIT.
  expect(committed.length).toBeLessThanOrEqual(form === 'start' ? rounds : 0)
}
