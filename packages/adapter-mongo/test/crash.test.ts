import { freshMongoDatabase, runChild } from '@stepping/test-support'
import type { Child } from '@stepping/test-support'
import { selfTm } from '@stepping/self-tm'
import { inject, expect, onTestFinished, test, vi } from 'vitest'
import { paths } from './app.ts'
import type { Path } from './app.ts'
import type { AppEnvironment, CrashPoint } from './crash/app.ts'
import { open } from './harness.ts'
import type { Harness } from './harness.ts'

const places = ['in a transaction', 'on a session'] as const

/** Points before which the order cannot be committed, those after which it is, and one in between. */
const points: Readonly<Record<CrashPoint, readonly number[]>> = {
  'before the barrier': [0],
  'before the commit': [0],
  'while it commits': [0, 1],
  'after the commit': [1],
  'in the step': [1],
}

const cases = paths.flatMap((path) =>
  places.flatMap((place) =>
    (Object.keys(points) as CrashPoint[])
      // There is no barrier row beside the job.
      .filter((point) => path === 'two phases' || point !== 'before the barrier')
      .map((point): [Path, (typeof places)[number], CrashPoint] => [path, place, point]),
  ),
)

async function openMigrated(name: string): Promise<Harness> {
  const fresh = freshMongoDatabase(inject('mongoUrl'), `crash ${name}`)
  const h = await open({ name, url: fresh.url })
  onTestFinished(() => fresh.drop())
  await selfTm({ database: h.database }).migrate!()
  await h.probe.createCollection('shipments')
  return h
}

test.each(cases)('%s, %s, killed %s: shipped exactly if ordered', async (path, place, point) => {
  const h = await openMigrated('orders')
  const store = path === 'outbox' ? h : await openMigrated('jobs')
  const run = (env: Partial<AppEnvironment>): Child =>
    runChild(new URL('crash/app.ts', import.meta.url), {
      env: { ORDERS_URL: h.url, STORE_URL: store.url, ...env },
    })
  const killed = run({ PLACE: place, CRASH: point })
  const { signal } = await killed.exit
  expect({ signal, errors: killed.errorLines }).toEqual({ signal: 'SIGKILL', errors: [] })

  await run({}).line((line) => line === 'started')
  await vi.waitFor(async () => expect(await store.openJobs()).toEqual([]), {
    timeout: 15_000,
    interval: 50,
  })

  const orders = await h.probe.collection('orders').countDocuments()
  expect(points[point]).toContain(orders)
  expect(await h.probe.collection('shipments').countDocuments()).toBe(orders)
})
